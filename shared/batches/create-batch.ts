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
  /** As its owner wrote it, and in milliseconds. */
  readonly completionWindow: string;
  readonly windowMs: number;
  readonly metadata: Readonly<Record<string, string>> | null;
  readonly residency: Residency;
  readonly overflow: boolean;
  readonly outputExpiresS: number | null;
  /** The most that all its lines together may cost. */
  readonly capNanos: bigint | null;
}

/** In the last part of its window, lines of a batch move up a class. */
const URGENT_PART = 0.1;

/**
 * Writes a batch down, with its cap, and returns its id; a worker will read its file. Undefined: the
 * file is there no more.
 */
export async function createBatch(
  client: Pick<PoolClient, "query">,
  batch: NewBatch,
): Promise<string | undefined> {
  const id = newId("batch");
  // The file's row is held, so that it cannot be deleted between this look and the batch.
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
