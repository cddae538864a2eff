import type { Pool } from "pg";
import { preparedStatement, statement } from "../db/statement.ts";
import type { BatchRow, BatchState } from "./batch-row.ts";

type Query = Pick<Pool, "query">;

/** A live batch in the hands of this worker, with what the database's clock says. */
export interface FedBatch extends BatchRow {
  readonly remaining_ms: number;
  /** In the last part of its window. */
  readonly urgent: boolean;
}

/** Takes a page of the live batches with ids after that one, in their order. */
export async function claimBatches(
  pool: Query,
  worker: string,
  after: string,
  page: number,
): Promise<FedBatch[]> {
  const { rows } = await pool.query<FedBatch>(
    preparedStatement(
      "claim_batches",
      `select b.*, urgent_at <= now() as urgent,
         (extract(epoch from deadline_at - now()) * 1000)::double precision as remaining_ms
       from claim_batches($1, $2, $3) b order by id`,
      [worker, after, page],
    ),
  );
  return rows;
}

/** Gives back all batches of a worker. */
export async function releaseBatches(pool: Query, worker: string): Promise<void> {
  await pool.query(
    statement("release_batches", "update batches set feeder = null where feeder = $1", [worker]),
  );
}

/**
 * Moves a batch to its next state, if it is due, and ends a page of its lines that have not begun;
 * returns the state.
 */
export async function turnBatch(
  pool: Query,
  batch: string,
  page: number,
): Promise<BatchState | undefined> {
  const { rows } = await pool.query<{ state: BatchState }>(
    preparedStatement("turn_batch", "select turn_batch($1, $2) as state", [batch, page]),
  );
  return rows[0]?.state;
}

/** Ends a batch whose lines have all ended and been written; until then it does nothing. */
export async function finishBatch(pool: Query, batch: string): Promise<void> {
  await pool.query(preparedStatement("finish_batch", "select finish_batch($1) as done", [batch]));
}

/** Works out what the lines have come to, for whoever asks. */
export async function sumBatch(pool: Query, batch: string): Promise<void> {
  await pool.query(
    preparedStatement(
      "sum_batch",
      "update batches set sums = sum_batch(id) where id = $1 and ended_at is null",
      [batch],
    ),
  );
}
