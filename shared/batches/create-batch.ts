import type { PoolClient } from "pg";
import type { Endpoint } from "../contracts/endpoint.ts";
import { newId } from "../contracts/new-id.ts";
import { isVisible } from "../files/file-row.ts";
import type { Residency } from "../contracts/plan.ts";
import { statement } from "../db/statement.ts";

export interface NewBatch {
  readonly key: string;
  readonly endpoint: Endpoint;
  readonly inputFileId: string;
  /** The completion window as the caller wrote it. `windowMs` is the same time in milliseconds. */
  readonly completionWindow: string;
  readonly windowMs: number;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly residency: Residency;
  readonly overflow: boolean;
  readonly outputExpiresS: number | null;
  /** The most that all its lines may cost together, in nano-dollars. */
  readonly capNanos: bigint | null;
}

/** In this last part of its window, the lines of a batch move to a higher class. */
const URGENT_PART = 0.1;

/**
 * Inserts a batch with its cap and returns its id. A worker will read its file. Returns undefined
 * when the file is gone.
 */
export async function createBatch(
  client: Pick<PoolClient, "query">,
  batch: NewBatch,
): Promise<string | undefined> {
  const id = newId("batch");
  // The lock on the file's row keeps the file from being deleted before the batch is inserted.
  const { rowCount } = await client.query(
    statement(
      "create_batch",
      `with file as (
         select id from files where id = $4 and ${isVisible} for share
       ), cap as (
         insert into budget_periods (period, starts_at, ends_at, limit_nanos)
         select 'batch', '-infinity', 'infinity', $11::bigint from file where $11::bigint is not null
         returning id
       )
       insert into batches (id, key_id, endpoint, input_file_id, completion_window, deadline_at,
         urgent_at, metadata, residency, overflow, output_expires_s, cap_period_id)
       select $1, $2, $3, file.id, $5, now() + $6 * interval '1 ms',
         now() + $6 * ${1 - URGENT_PART} * interval '1 ms', $7, $8, $9, $10, (select id from cap)
       from file`,
      [
        id,
        batch.key,
        batch.endpoint,
        batch.inputFileId,
        batch.completionWindow,
        batch.windowMs,
        batch.metadata === null ? null : JSON.stringify(batch.metadata),
        batch.residency,
        batch.overflow,
        batch.outputExpiresS,
        batch.capNanos === null ? null : String(batch.capNanos),
      ],
    ),
  );
  return rowCount === 1 ? id : undefined;
}
