import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";
import type { BatchError } from "./batch-row.ts";

type Query = Pick<Pool, "query">;

/** Where one line of a batch's file is. */
export interface OpenLine {
  readonly line: number;
  readonly custom_id: string;
  /** The place of its first byte in the file; its bytes, without the line's end. */
  readonly start: number;
  readonly length: number;
  /** A route's name, or '' for one that there is not. */
  readonly model: string;
}

/** Writes down lines of a batch whose file is being read. False: it need not be read any more. */
export async function addBatchLines(
  pool: Query,
  batch: string,
  lines: readonly OpenLine[],
): Promise<boolean> {
  const { rows } = await pool.query<{ done: boolean }>(
    preparedStatement("add_batch_lines", "select add_batch_lines($1, $2) as done", [
      batch,
      JSON.stringify(lines),
    ]),
  );
  return rows[0]?.done === true;
}

/** Lets a batch run whose file has been read, with so many lines. */
export async function beginBatch(pool: Query, batch: string, lines: number): Promise<void> {
  await pool.query(
    preparedStatement("begin_batch", "select begin_batch($1, $2) as done", [batch, lines]),
  );
}

/** Ends a batch whose file is wrong. */
export async function failBatch(
  pool: Query,
  batch: string,
  errors: readonly BatchError[],
): Promise<void> {
  await pool.query(
    preparedStatement("fail_batch", "select end_batch($1, 'validating', 'failed', $2) as done", [
      batch,
      JSON.stringify(errors),
    ]),
  );
}
