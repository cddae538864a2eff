import OpenAI, { toFile } from "openai";
import type { UploadCreateParams } from "openai/resources/uploads";
import { expect } from "vitest";
import { startBatchRig, type BatchRig } from "../batches/batch-rig.ts";

export const BODY_LIMIT = 64 * 1024;

/**
 * `local` has a translated engine, `native` a native one, `both` also a cloud, and `dear` a price.
 */
export function startReferenceRig(): Promise<BatchRig> {
  const plain = { slots: 4, outputTokens: 2 };
  return startBatchRig({
    providers: {
      gpu: { ...plain, yaml: "responses: translate" },
      native: { ...plain, yaml: "responses: native" },
      cloud: { ...plain, location: "cloud", yaml: "responses: native" },
      dear: { ...plain, price: { input: 1, output: 1 } },
    },
    models: [
      "  local: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64 }",
      "  native: { serve: [{ provider: native, model: m }], max_output_tokens: 64 }",
      "  both:",
      "    serve: [{ provider: gpu, model: m }]",
      "    overflow: [{ provider: cloud, model: m }]",
      "    max_output_tokens: 64",
      "  dear: { serve: [{ provider: dear, model: m }], max_output_tokens: 64 }",
    ].join("\n"),
    server: "{ body_limit: 64KiB }",
  });
}

/** Uploads a file in parts of `size` bytes; resolves with its id. */
export async function uploadInParts(
  { uploads }: OpenAI,
  text: string,
  size: number,
  uploadFields: Pick<UploadCreateParams, "filename" | "purpose">,
): Promise<string> {
  const bytes = Buffer.from(text);
  const { id } = await uploads.create({
    ...uploadFields,
    mime_type: "text/plain",
    bytes: bytes.length,
  });
  const partIds: string[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const data = await toFile(bytes.subarray(at, at + size), "part");
    partIds.push((await uploads.parts.create(id, { data })).id);
  }
  const { file } = await uploads.complete(id, { part_ids: partIds });
  return file?.id ?? expect.fail("no file");
}
