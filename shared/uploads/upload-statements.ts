import { hash } from "node:crypto";
import type { Pool } from "pg";
import { newId } from "../contracts/new-id.ts";
import type { UploadPurpose } from "../files/file-purpose.ts";
import { uploadColumns, type UploadRow } from "./upload-row.ts";
import { statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

export interface NewUpload {
  readonly filename: string;
  readonly purpose: UploadPurpose;
  readonly mimeType: string;
  readonly bytes: number;
  /** Seconds from the creation of the file. */
  readonly expiresAfterS: number;
}

/** An upload takes parts for this long. */
const UPLOAD_LIFE = "1 h";

/** Begins an upload without parts. */
export async function createUpload(
  client: Query,
  key: string,
  { filename, purpose, mimeType, bytes, expiresAfterS }: NewUpload,
): Promise<UploadRow> {
  const { rows } = await client.query<UploadRow>(
    statement(
      "create_upload",
      `insert into uploads (id, key_id, filename, purpose, mime_type, bytes, expires_after_s, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, now() + interval '${UPLOAD_LIFE}')
       returning ${uploadColumns}`,
      [newId("upload"), key, filename, purpose, mimeType, bytes, expiresAfterS],
    ),
  );
  const [row] = rows;
  if (row === undefined) throw new Error("an insert returned no row");
  return row;
}

/** Reads a key's own upload in any state. */
export async function findUpload(
  pool: Query,
  key: string,
  id: string,
): Promise<UploadRow | undefined> {
  const { rows } = await pool.query<UploadRow>(
    statement("find_upload", `select ${uploadColumns} from uploads where id = $1 and key_id = $2`, [
      id,
      key,
    ]),
  );
  return rows[0];
}

/**
 * Cancels a key's pending upload and drops its parts. Returns false when the upload is not pending.
 */
export async function cancelUpload(client: Query, key: string, id: string): Promise<boolean> {
  const { rows } = await client.query<{ cancelled: boolean }>(
    statement("cancel_upload", "select cancel_upload($1, $2) as cancelled", [id, key]),
  );
  return rows[0]?.cancelled === true;
}

export interface Completion {
  /**
   * `completed`: the file exists, made by this call or an earlier one with the same parts. `part`:
   * the id at position `figure`, from 1, is not a part of the upload. `size`: the parts have
   * `figure` bytes in all.
   */
  readonly verdict: "completed" | "missing" | "closed" | "expired" | "part" | "size";
  readonly figure: bigint | null;
}

/** Makes one file of the given parts of a key's upload, in this order. No bytes are copied. */
export async function completeUpload(
  client: Query,
  key: string,
  id: string,
  parts: { readonly ids: readonly string[]; readonly newFile: string },
): Promise<Completion> {
  const { rows } = await client.query<Completion>(
    statement("complete_upload", "select * from complete_upload($1,$2,$3,$4,$5)", [
      id,
      key,
      parts.ids,
      hash("sha256", parts.ids.join("\n"), "buffer"),
      parts.newFile,
    ]),
  );
  const [row] = rows;
  if (row === undefined) throw new Error("complete_upload returned no row");
  return row;
}
