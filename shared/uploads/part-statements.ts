import type { Pool } from "pg";
import { newId } from "../contracts/new-id.ts";
import { statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

export interface PartLimits {
  /** The most parts of an upload. */
  readonly parts: number;
  /** The most bytes of all its parts. */
  readonly bytes: number;
}

/**
 * Begins a part that nobody sees yet and returns its id; undefined when the upload takes no more.
 */
export async function beginPart(
  pool: Query,
  key: string,
  upload: string,
): Promise<string | undefined> {
  const { rows } = await pool.query<{ id: string }>(
    statement(
      "begin_part",
      `insert into files (id, key_id, filename, state, upload_id)
       select $1, key_id, '', 'uploading', id from uploads
       where id = $2 and key_id = $3 and status = 'pending' and expires_at > now()
       returning id`,
      [newId("part"), upload, key],
    ),
  );
  return rows[0]?.id;
}

/**
 * Adds the whole part to its upload and returns the time. Returns undefined when the upload takes
 * no more or the part was given up; then the caller must roll the transaction back.
 */
export async function finishPart(
  client: Query,
  part: string,
  bytes: number,
  limits: PartLimits,
): Promise<Date | undefined> {
  const { rows } = await client.query<{ at: Date | null }>(
    statement("finish_part", "select finish_part($1, $2, $3, $4) as at", [
      part,
      bytes,
      limits.parts,
      limits.bytes,
    ]),
  );
  return rows[0]?.at ?? undefined;
}

interface PartBytes {
  readonly id: string;
  readonly bytes: number;
}

/** Finds those of the given parts that the upload has whole, with their sizes in bytes by id. */
export async function findParts(
  pool: Query,
  key: string,
  upload: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await pool.query<PartBytes>(
    statement(
      "find_parts",
      `select id, bytes::float8 as bytes from files
       where upload_id = $1 and key_id = $2 and id = any ($3) and state = 'part'
         and deleted_at is null`,
      [upload, key, ids],
    ),
  );
  return new Map(rows.map(({ id, bytes }) => [id, bytes]));
}
