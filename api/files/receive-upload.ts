import { createHash } from "node:crypto";
import type { Pool } from "pg";
import { beginUpload, type NewUpload } from "../../shared/files/new-file.ts";
import { fileNameProblem } from "./file-limits.ts";
import type { FormPart } from "./read-form.ts";
import { storeFile, type StoredBytes } from "./store-file.ts";
import { withUnfinished } from "./unfinished-upload.ts";
import { refuseField, UploadFields } from "./upload-fields.ts";

export interface ReceiveOptions {
  readonly pool: Pool;
  readonly keyId: string;
  readonly maxBytes: number;
  readonly touchMs: number;
  /** True when the caller needs the hash. */
  readonly hashed: boolean;
}

/** A file that is complete in the database, but that nobody sees yet. */
export interface ReceivedUpload {
  readonly id: string;
  readonly file: NewUpload;
  /** The hash of file and fields, however the form was written. It is empty unless it was needed. */
  readonly hash: Buffer;
}

/** Types and subtypes have 127 characters at most (RFC 6838, 4.2). */
const MIME_TYPE = /^[\w.+!#$&^-]{1,127}\/[\w.+!#$&^-]{1,127}$/;

/**
 * Stores the file of a form, chunk by chunk as it comes, then calls `finish`. The file is removed
 * unless `finish` has made it visible to its key. Throws `BrokerError`s for faults of the form.
 */
export async function receiveUpload<Result>(
  options: ReceiveOptions,
  form: AsyncIterable<FormPart>,
  finish: (upload: ReceivedUpload) => Promise<Result>,
): Promise<Result> {
  const { pool, keyId } = options;
  return await withUnfinished(pool, options.touchMs, async (begun) => {
    const fields = new UploadFields();
    let file: (StoredBytes & { readonly filename: string }) | undefined;
    for await (const part of form) {
      if (part.type === "field") fields.add(part.name, part.value);
      else {
        const { filename } = part;
        checkFile(part.name, filename, file !== undefined);
        const type = MIME_TYPE.test(part.mimeType) ? part.mimeType.toLowerCase() : null;
        const begin = async () => begun(await beginUpload(pool, keyId, filename, type));
        const stored = await storeFile({ ...options, param: "file", begin }, part.bytes);
        file = { ...stored, filename };
      }
    }
    if (file === undefined) refuseField("file", "the form has no file of this name.");
    const upload = { ...fields.values(), bytes: file.bytes };
    return await finish({ id: file.id, file: upload, hash: hashOf(file, upload) });
  });
}

function checkFile(name: string, filename: string, isSecond: boolean): void {
  if (name !== "file") refuseField(name, "this form has no such file.");
  if (isSecond) refuseField("file", "the form has two files.");
  if (filename === "") refuseField("file", "it has no file name.");
  const problem = fileNameProblem(filename);
  if (problem !== undefined) refuseField("file", `its name ${problem}.`);
}

function hashOf(
  { filename, hash }: StoredBytes & { readonly filename: string },
  upload: NewUpload,
): Buffer {
  if (hash === undefined) return Buffer.alloc(0);
  const content = hash.digest("hex");
  return createHash("sha256")
    .update(JSON.stringify([filename, upload.purpose, upload.expiresAfterS, content]))
    .digest();
}
