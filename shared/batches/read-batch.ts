import type { Pool } from "pg";
import type { BatchRow } from "./batch-row.ts";
import { preparedStatement, statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

/** Reads a batch of the key; undefined when the key has no such batch. */
export async function readBatch(
  pool: Query,
  key: string,
  id: string,
): Promise<BatchRow | undefined> {
  const { rows } = await pool.query<BatchRow>(
    preparedStatement("read_batch", "select * from batches where key_id = $1 and id = $2", [
      key,
      id,
    ]),
  );
  return rows[0];
}

/** Reads a page of a key's batches, newest first. */
export async function listBatches(
  pool: Query,
  key: string,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<BatchRow[]> {
  const { rows } = await pool.query<BatchRow>(
    statement(
      "list_batches",
      `select * from batches where key_id = $1 and ($2::text is null or id < $2)
       order by id desc limit $3`,
      [key, after, limit],
    ),
  );
  return rows;
}
