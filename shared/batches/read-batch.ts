import type { Pool } from "pg";
import type { BatchRow } from "./batch-row.ts";

type Query = Pick<Pool, "query">;

/** With the sums of a live batch worked out now. */
const selectBatches = `
  select b.id, b.key_id, b.endpoint, b.input_file_id, b.completion_window, b.metadata, b.residency,
    b.overflow, b.cap_period_id, b.state, b.created_at, b.in_progress_at, b.deadline_at, b.urgent_at,
    b.finalizing_at, b.cancelling_at, b.ended_at, b.errors, b.total, b.models, b.output_file_id,
    b.error_file_id, b.written_line, b.paused, b.paused_message, b.paused_at, b.feed_at,
    coalesce(b.sums, sum_batch(b.id)) as sums
  from batches b`;

/** A key's own batch; undefined for others' and for none. */
export async function readBatch(
  pool: Query,
  key: string,
  id: string,
): Promise<BatchRow | undefined> {
  const { rows } = await pool.query<BatchRow>({
    name: "read_batch",
    text: `${selectBatches} where b.key_id = $1 and b.id = $2`,
    values: [key, id],
  });
  return rows[0];
}

/** A page of a key's batches, the newest first. */
export async function listBatches(
  pool: Query,
  key: string,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<BatchRow[]> {
  const { rows } = await pool.query<BatchRow>(
    `${selectBatches} where b.key_id = $1 and ($2::text is null or b.id < $2)
     order by b.id desc limit $3`,
    [key, after, limit],
  );
  return rows;
}
