import { createHash, type Hash } from "node:crypto";
import type { Pool } from "pg";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { MAX_CHUNK_BYTES } from "../../shared/files/read-file-range.ts";
import { appendChunk } from "../../shared/files/new-file.ts";
import { refuseField } from "./upload-fields.ts";

export interface StoreOptions {
  readonly pool: Pool;
  readonly maxBytes: number;
  /** The form's field. */
  readonly param: string;
  /** True when the caller needs the hash. */
  readonly hashed: boolean;
  /** Begins a file that nobody sees yet, once there are bytes. Resolves with its id. */
  readonly begin: () => Promise<string>;
}

export interface StoredBytes {
  readonly id: string;
  readonly bytes: number;
  /** The SHA-256, if it was wanted. */
  readonly hash: Hash | undefined;
}

/**
 * Stores bytes chunk by chunk as they come. Throws `BrokerError` for an empty or too large file, and
 * when the file that was begun is no longer there.
 */
export async function storeFile(
  { pool, maxBytes, param, hashed, begin }: StoreOptions,
  bytes: AsyncIterable<Buffer>,
): Promise<StoredBytes> {
  const hash = hashed ? createHash("sha256") : undefined;
  let id: string | undefined;
  let stored = 0;
  for await (const chunk of chunksOf(bytes, maxBytes, param)) {
    const start = stored;
    id ??= await askDatabase(begin);
    const file = id;
    hash?.update(chunk);
    if (!(await askDatabase(() => appendChunk(pool, file, start, chunk)))) throw lost();
    stored += chunk.length;
  }
  if (id === undefined) refuseField(param, "it is empty.");
  return { id, bytes: stored, hash };
}

/** Yields chunks of the full size; the last may be smaller. They share one buffer. */
async function* chunksOf(
  source: AsyncIterable<Buffer>,
  maxBytes: number,
  param: string,
): AsyncGenerator<Buffer, void, undefined> {
  const chunk = Buffer.allocUnsafe(MAX_CHUNK_BYTES);
  let filled = 0;
  let total = 0;
  for await (const piece of source) {
    total += piece.length;
    if (total > maxBytes) throw fileTooLarge(maxBytes, param);
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

/** Makes the error for a body over its limit. */
export function fileTooLarge(maxBytes: number, param: string): BrokerError {
  const what = param === "file" ? "A file" : "A part";
  return new BrokerError("payload_too_large", `${what} may have at most ${maxBytes} bytes.`, {
    param,
  });
}

/** Makes the error for an upload that no longer exists. */
export function lost(): BrokerError {
  return new BrokerError("unavailable", "The upload was interrupted.", { retryAfterMs: 1_000 });
}
