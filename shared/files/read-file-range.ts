import type { Pool } from "pg";
import { readAgainIfCut } from "../db/read-again.ts";
import { statement } from "../db/statement.ts";

/** A row holds at most this many bytes of a file, and so does a reader. */
export const MAX_CHUNK_BYTES = 256 * 1024;

interface Slice {
  /** The slice begins this many bytes after the requested position. */
  readonly at: number;
  readonly bytes: Buffer;
}

/** Reads the chunk at the position and the chunks that begin soon after it. */
const READ = `
select (greatest(start, $2) - $2)::int4 as at,
  substr(bytes, greatest($2 - start, 0)::int4 + 1, least($3 - greatest(start, $2), $4)::int4) as bytes
from file_chunks
where file_id = $1 and start < least($3, $2 + $4)
  and start >= (select max(start) from file_chunks where file_id = $1 and start <= $2)
order by start`;

/**
 * Reads the bytes of a file from `start` to before `end`, piece by piece as they are wanted. It
 * does not check whose file it is. Throws when bytes are missing, because the file was removed
 * meanwhile.
 */
export async function* readFileRange(
  pool: Pick<Pool, "query">,
  fileId: string,
  start: number,
  end: number,
): AsyncGenerator<Buffer, void, undefined> {
  let position = start;
  while (position < end) {
    const from = position;
    const values = [fileId, from, end, MAX_CHUNK_BYTES];
    // A read can be repeated, since a file never changes. An answer that has begun cannot report an
    // error.
    const { rows } = await readAgainIfCut(() =>
      pool.query<Slice>(statement("read_file_range", READ, values)),
    );
    for (const { at, bytes } of rows) {
      if (from + at !== position || bytes.length === 0) throw missing(fileId);
      position += bytes.length;
      yield bytes;
    }
    if (position === from) throw missing(fileId);
  }
}

function missing(fileId: string): Error {
  return new Error(`bytes of ${fileId} are missing`);
}
