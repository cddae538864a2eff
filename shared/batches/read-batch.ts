import type { Pool } from "pg";
import type { BatchRow } from "./batch-row.ts";
import { preparedStatement } from "../db/statement.ts";

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
