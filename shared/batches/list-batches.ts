import type { Pool } from "pg";
import { statement } from "../db/statement.ts";
import type { BatchRow } from "./batch-row.ts";

/** Reads a page of a key's batches, newest first. */
export async function listBatches(
  pool: Pick<Pool, "query">,
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
