import type { Pool } from "pg";
import { preparedStatement, statement } from "../db/statement.ts";
import type { BatchRow, BatchState } from "./batch-row.ts";

type Query = Pick<Pool, "query">;

/** A live batch that is lent to this worker. Times are by the database's clock. */
export interface FedBatch extends BatchRow {
  readonly remaining_ms: number;
  /** The batch is in the last part of its window. */
  readonly urgent: boolean;
}

/**
 * Lends this worker a page of the live batches with ids after `after`, in the order of their ids.
 */
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

/** Gives back all batches that are lent to a worker. */
export async function releaseBatches(pool: Query, worker: string): Promise<void> {
  await pool.query(
    statement("release_batches", "update batches set feeder = null where feeder = $1", [worker]),
  );
}

/**
 * Moves a batch to its next state if that is due, and ends a page of the lines of an ending batch
 * that have no job yet. Returns the batch's state.
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

/**
 * Ends a batch once all its lines have ended and their results are written. Before that it does
 * nothing.
 */
export async function finishBatch(pool: Query, batch: string): Promise<void> {
  await pool.query(preparedStatement("finish_batch", "select finish_batch($1) as done", [batch]));
}

/** Stores the sums over the lines, which callers see while the batch runs. */
export async function sumBatch(pool: Query, batch: string): Promise<void> {
  await pool.query(
    preparedStatement(
      "sum_batch",
      "update batches set sums = sum_batch(id) where id = $1 and ended_at is null",
      [batch],
    ),
  );
}
