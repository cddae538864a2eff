import type { Pool } from "pg";
import { newId } from "../contracts/new-id.ts";
import type { UploadPurpose } from "./file-purpose.ts";
import { fileColumns, type FileRow } from "./file-row.ts";
import { statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

export interface NewUpload {
  readonly bytes: number;
  readonly purpose: UploadPurpose;
  readonly expiresAfterS: number;
}

/** One statement removes this many rows. A chunk has at most 256 KiB. */
const DISCARD_PAGE = 200;

/** Begins a file that nobody sees yet, and returns its id. */
export async function beginUpload(
  pool: Query,
  key: string,
  filename: string,
  mimeType: string | null = null,
): Promise<string> {
  const id = newFileId();
  await pool.query(
    statement(
      "begin_file",
      `insert into files (id, key_id, filename, mime_type, state)
       values ($1, $2, $3, $4, 'uploading')`,
      [id, key, filename, mimeType],
    ),
  );
  return id;
}

/**
 * Appends a chunk to the end of a file. Returns false when the upload was given up, or when `start`
 * is not the end of the file.
 */
export async function appendChunk(
  pool: Query,
  id: string,
  start: number,
  bytes: Buffer,
): Promise<boolean> {
  const { rowCount } = await pool.query(
    statement(
      "append_chunk",
      `with grown as (
         update files set bytes = bytes + octet_length($3::bytea), touched_at = now()
         where id = $1 and state = 'uploading' and deleted_at is null and bytes = $2
         returning id
       )
       insert into file_chunks (file_id, start, bytes) select id, $2, $3 from grown`,
      [id, start, bytes],
    ),
  );
  return rowCount === 1;
}

/** Records that the uploader is alive while no chunk is full yet. */
export async function touchUpload(pool: Query, id: string): Promise<void> {
  await pool.query(
    statement(
      "touch_file",
      "update files set touched_at = now() where id = $1 and state = 'uploading'",
      [id],
    ),
  );
}

/** Makes the whole file visible to its key; undefined when the upload was given up. */
export async function finishUpload(
  client: Query,
  id: string,
  { bytes, purpose, expiresAfterS }: NewUpload,
): Promise<FileRow | undefined> {
  const { rows } = await client.query<FileRow>(
    statement(
      "finish_file",
      `update files set state = 'processed', purpose = $3, created_at = now(),
         expires_at = now() + $4 * interval '1 s'
       where id = $1 and state = 'uploading' and deleted_at is null and bytes = $2
       returning ${fileColumns}`,
      [id, bytes, purpose, expiresAfterS],
    ),
  );
  return rows[0];
}

/** Removes the rows of an unfinished upload; a finished one stays. */
export async function discardUpload(pool: Query, id: string): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ gone: number }>(
      statement("discard_file", "select discard_upload($1, $2) as gone", [id, DISCARD_PAGE]),
    );
    if ((rows[0]?.gone ?? 0) < DISCARD_PAGE) return;
  }
}

/** Makes a file id: `file-` and 32 hexadecimal digits, which sort by time. */
export function newFileId(): string {
  return newId("file").replace("_", "-");
}
