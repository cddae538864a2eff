import { createHash, type Hash } from "node:crypto";
import type { Pool } from "pg";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { MAX_CHUNK_BYTES } from "../../shared/files/max-chunk-bytes.ts";
import {
  appendChunk,
  beginUpload,
  discardUpload,
  touchUpload,
  type UploadTerms,
} from "../../shared/files/upload-statements.ts";
import { every } from "../../shared/timing/every.ts";
import { refuseField, UploadFields } from "./upload-fields.ts";
import { tooLarge, type FormPart } from "./read-form.ts";

export interface ReceiveOptions {
  readonly pool: Pool;
  readonly keyId: string;
  readonly maxBytes: number;
  readonly touchMs: number;
  /** Whether its hash will be asked for. */
  readonly hashed: boolean;
}

/** A file that lies in the database whole, but that nobody sees yet. */
export interface ReceivedUpload {
  readonly id: string;
  readonly terms: UploadTerms;
  /** Of all that was uploaded, however the form was written; empty unless it was asked for. */
  readonly hash: Buffer;
}

const MAX_FILENAME_LENGTH = 255;

/**
 * Stores the file of a form, chunk by chunk as it comes, then calls `finish`. Unless that has shown the
 * file to its key, nothing stays of it. Throws `BrokerError`s for what is wrong with the form.
 */
export async function receiveUpload<Result>(
  options: ReceiveOptions,
  form: AsyncIterable<FormPart>,
  finish: (upload: ReceivedUpload) => Promise<Result>,
): Promise<Result> {
  const { pool } = options;
  const fields = new UploadFields();
  let file: StoredFile | undefined;
  let id: string | undefined;
  const touching = every(
    options.touchMs,
    async () => {
      if (id !== undefined) await touchUpload(pool, id);
    },
    () => undefined,
  );
  try {
    for await (const part of form) {
      if (part.type === "field") fields.add(part.name, part.value);
      else {
        checkFile(part.name, part.filename, file !== undefined);
        file = await storeFile(options, part, (begun) => {
          id = begun;
        });
      }
    }
    if (file === undefined) refuseField("file", "the form has no file of this name.");
    const terms = { ...fields.terms(), bytes: file.bytes };
    return await finish({ id: file.id, terms, hash: hashOf(file, terms) });
  } finally {
    await touching.stop();
    // What cannot be removed now is swept later.
    if (id !== undefined) await discardUpload(pool, id).catch(() => undefined);
  }
}

interface StoredFile {
  readonly id: string;
  readonly filename: string;
  readonly bytes: number;
  readonly hash: Hash | undefined;
}

function checkFile(name: string, filename: string, isSecond: boolean): void {
  if (name !== "file") refuseField(name, "this form has no such file.");
  if (isSecond) refuseField("file", "the form has two files.");
  if (filename === "") refuseField("file", "it has no file name.");
  if (filename.length > MAX_FILENAME_LENGTH || /\p{Cc}/u.test(filename))
    refuseField(
      "file",
      `its name must have at most ${MAX_FILENAME_LENGTH} characters, none of control.`,
    );
}

async function storeFile(
  { pool, keyId, maxBytes, hashed }: ReceiveOptions,
  { filename, bytes }: FormPart & { readonly type: "file" },
  onBegun: (id: string) => void,
): Promise<StoredFile> {
  const hash = hashed ? createHash("sha256") : undefined;
  let id: string | undefined;
  let stored = 0;
  for await (const chunk of chunksOf(bytes, maxBytes)) {
    const start = stored;
    id ??= await askDatabase(() => beginUpload(pool, keyId, filename));
    onBegun(id);
    const file = id;
    hash?.update(chunk);
    if (!(await askDatabase(() => appendChunk(pool, file, start, chunk)))) throw lost();
    stored += chunk.length;
  }
  if (id === undefined) refuseField("file", "it is empty.");
  return { id, filename, bytes: stored, hash };
}

/** Chunks of the full size, but the last. Each is to be used up before the next: they share memory. */
async function* chunksOf(
  source: AsyncIterable<Buffer>,
  maxBytes: number,
): AsyncGenerator<Buffer, void, undefined> {
  const chunk = Buffer.allocUnsafe(MAX_CHUNK_BYTES);
  let filled = 0;
  let total = 0;
  for await (const piece of source) {
    total += piece.length;
    if (total > maxBytes) throw tooLarge(maxBytes);
    for (let taken = 0; taken < piece.length;) {
      const copied = piece.copy(chunk, filled, taken);
      taken += copied;
      filled += copied;
      if (filled === MAX_CHUNK_BYTES) {
        yield chunk;
        filled = 0;
      }
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

function hashOf({ filename, hash }: StoredFile, terms: UploadTerms): Buffer {
  if (hash === undefined) return Buffer.alloc(0);
  const content = hash.digest("hex");
  return createHash("sha256")
    .update(JSON.stringify([filename, terms.purpose, terms.expiresAfterS, content]))
    .digest();
}

/** Says that an upload is no longer there to go on with. */
export function lost(): BrokerError {
  return new BrokerError("unavailable", "The upload was interrupted.", { retryAfterMs: 1_000 });
}
