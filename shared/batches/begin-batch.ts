import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";
import type { BatchError } from "./batch-row.ts";

type Query = Pick<Pool, "query">;

/** The position of one line in a batch's file. */
export interface OpenLine {
  readonly line: number;
  readonly custom_id: string;
  /** Its first byte is at `start` in the file, and it has `length` bytes without the line's end. */
  readonly start: number;
  readonly length: number;
  /** The name of a model route, or '' when no route has the name that the line asks for. */
  readonly model: string;
}

/**
 * Adds lines of a batch whose file is being read. Returns false when the file need not be read any
 * more.
 */
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

/** Lets a batch run whose file has been read. `lines` is the number of lines in the file. */
export async function beginBatch(pool: Query, batch: string, lines: number): Promise<void> {
  await pool.query(
    preparedStatement("begin_batch", "select begin_batch($1, $2) as done", [batch, lines]),
  );
}

/** Ends a batch whose file has faults. */
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
