import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";
import { MAX_CHUNK_BYTES } from "../files/read-file-range.ts";
import type { BatchRow } from "./batch-row.ts";

type Query = Pick<Pool, "query">;

export interface PendingLine {
  readonly job_id: string;
  readonly bytes: Buffer;
  /** A job of this line could not be paid for at its next target. */
  readonly unpaid: boolean;
}

/**
 * Reads the next lines of a model with their bytes: at least one line, and more within the limits.
 */
export async function readPendingLines(
  pool: Query,
  batch: Pick<BatchRow, "id" | "input_file_id">,
  model: string,
  limits: { readonly lines: number; readonly bytes: number },
): Promise<PendingLine[]> {
  const { rows } = await pool.query<PendingLine>(
    preparedStatement(
      "pending_lines",
      `with next as (
         select line, job_id, start, length, unpaid from batch_lines
         where batch_id = $1 and model = $3 and state = 'pending'
           and (feed_at is null or feed_at <= now())
         order by line limit $4
       ), page as (
         select *, sum(length) over (order by line) - length as before from next
       )
       select p.job_id, p.unpaid, string_agg(substring(c.bytes
           from greatest(p.start - c.start, 0)::integer + 1
           for (least(p.start + p.length, c.start + octet_length(c.bytes))
             - greatest(p.start, c.start))::integer), ''::bytea order by c.start) as bytes
       from page p
       join file_chunks c on c.file_id = $2
         and c.start > p.start - ${MAX_CHUNK_BYTES} and c.start < p.start + p.length
         and c.start + octet_length(c.bytes) > p.start
       where p.before < $5
       group by p.line, p.job_id, p.unpaid order by p.line`,
      [batch.id, batch.input_file_id, model, limits.lines, limits.bytes],
    ),
  );
  return rows;
}

/** Ends a line that cannot be run. `refusal` is the answer that its owner sees. */
export async function refuseLine(
  pool: Query,
  job: string,
  refusal: { readonly status: number; readonly body: object },
): Promise<void> {
  await pool.query(
    preparedStatement("refuse_line", "select refuse_line($1, $2)", [job, JSON.stringify(refusal)]),
  );
}
