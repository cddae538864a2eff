import type { FastifyReply, FastifyRequest } from "fastify";
import type { PoolClient } from "pg";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { beginPart, finishPart } from "../../shared/uploads/part-statements.ts";
import { MAX_PART_BYTES, MAX_PARTS } from "../files/file-limits.ts";
import type { FormPart } from "../files/read-form.ts";
import { lost, storeFile, type StoredBytes } from "../files/store-file.ts";
import { takeForm } from "../files/take-form.ts";
import type { UploadDeps } from "../files/take-upload.ts";
import { withUnfinished } from "../files/unfinished-upload.ts";
import { refuseField } from "../files/upload-fields.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { idempotencyKeyOf } from "../http/idempotency-key.ts";
import { doOnce } from "../http/answer-once.ts";
import { checkPending, ownUpload } from "./own-upload.ts";
import { partObject } from "./upload-object.ts";

/** Stores one part of an upload, once for each `Idempotency-Key`, and answers with it. */
export async function takePart(
  deps: UploadDeps,
  request: FastifyRequest<{ Params: { id: string } }>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { pool, shutdown, touchMs } = deps;
  const hashed = idempotencyKeyOf(request.headers) !== undefined;
  const key = callerOf(request).id;
  const { id: upload } = request.params;
  const maxFileBytes = Math.min(MAX_PART_BYTES, deps.maxFileBytes);
  checkPending(await ownUpload(pool, key, upload));
  const begin = async (): Promise<string> => {
    const id = await beginPart(pool, key, upload);
    if (id !== undefined) return id;
    checkPending(await ownUpload(pool, key, upload));
    throw lost();
  };
  const options = { pool, maxBytes: maxFileBytes, param: "data", hashed };
  const form = { shutdown, maxFileBytes, param: "data" };
  return await takeForm(form, request, reply, (parts) =>
    withUnfinished(pool, touchMs, async (begun) => {
      const store = (bytes: AsyncIterable<Buffer>) =>
        storeFile({ ...options, begin: async () => begun(await begin()) }, bytes);
      const stored = await readPart(parts, store);
      return await doOnce(request, pool, {
        bodyHash: stored.hash?.digest() ?? Buffer.alloc(0),
        prepare: () => Promise.resolve(undefined),
        work: (client) => addPart(client, key, upload, stored, deps.maxFileBytes),
      });
    }),
  );
}

/** Reads the form, which has one file, `data`, and nothing else. */
async function readPart(
  form: AsyncIterable<FormPart>,
  store: (bytes: AsyncIterable<Buffer>) => Promise<StoredBytes>,
): Promise<StoredBytes> {
  let stored: StoredBytes | undefined;
  for await (const part of form) {
    if (part.name !== "data") refuseField(part.name, "this form has no such field.");
    if (part.type === "field") refuseField("data", "it must be a file.");
    if (stored !== undefined) refuseField("data", "the form has two files.");
    stored = await store(part.bytes);
  }
  return stored ?? refuseField("data", "the form has no file of this name.");
}

async function addPart(
  client: PoolClient,
  key: string,
  upload: string,
  { id, bytes }: StoredBytes,
  maxFileBytes: number,
): Promise<object> {
  // Twice the file's size fits, so that a part whose answer was lost can be sent again.
  const limits = { parts: MAX_PARTS, bytes: 2 * maxFileBytes };
  const at = await finishPart(client, id, bytes, limits);
  if (at !== undefined) return partObject(id, upload, at);
  const row = await ownUpload(client, key, upload);
  checkPending(row);
  if (row.parts < limits.parts && Number(row.part_bytes) + bytes <= limits.bytes) throw lost();
  throw new BrokerError(
    "payload_too_large",
    `An upload may have at most ${limits.parts} parts, of ${limits.bytes} bytes together.`,
    { param: "data" },
  );
}
