import type { Pool } from "pg";
import type { AcceptedJob } from "../jobs/accepted-job.ts";
import { preparedStatement } from "../db/statement.ts";

type EndedLineState = "done" | "failed" | "cancelled" | "expired" | "refused";

/** An ended line with the outcome of its job. If no job exists, `job_state` is null. */
export interface EndedLine {
  readonly line: number;
  readonly custom_id: string;
  readonly job_id: string;
  readonly state: EndedLineState;
  /** The answer to a refused line: `{status, body}` as JSON text. */
  readonly refusal: string | null;
  readonly job_state: AcceptedJob["state"] | null;
  readonly error_code: string | null;
  /** A `ReplyError` as JSON text. */
  readonly error: string | null;
  /** `StoredRequest` as JSON text. */
  readonly facts: string | null;
  readonly body: Buffer | null;
  readonly compressed: boolean | null;
}

/** The tokens of a line's answer. */
export interface LineUsage {
  readonly line: number;
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  readonly reasoning: number;
}

export interface WrittenLines {
  /** The results are those of the lines after `from` up to `to`, in order. */
  readonly from: number;
  readonly to: number;
  readonly output: readonly Buffer[];
  readonly errors: readonly Buffer[];
  readonly usage: readonly LineUsage[];
  /** Lines whose jobs are done and whose answers are gone. */
  readonly lost: readonly number[];
}

/**
 * Reads the lines after `from` up to the first line that has not ended, in order and within the
 * limits. There is at least one if the next line has ended. The limit of bytes counts the stored
 * answers.
 */
export async function readEndedLines(
  pool: Pick<Pool, "query">,
  batch: string,
  from: number,
  limits: { readonly lines: number; readonly bytes: number },
): Promise<EndedLine[]> {
  const { rows } = await pool.query<EndedLine>(
    preparedStatement(
      "read_ended_lines",
      `
        with next as (
          select l.*, bool_and(l.state not in ('pending', 'open')) over (order by l.line) as in_order
          from batch_lines l
          where l.batch_id = $1 and l.line > $2 and l.line <= $2 + $3
        ), page as (
          select n.*, sum(coalesce(octet_length(r.body), 0)) over (order by n.line)
            - coalesce(octet_length(r.body), 0) as before
          from next n left join job_results r on r.job_id = n.job_id
          where n.in_order
        )
        select p.line, p.custom_id, p.job_id, p.state, p.refusal, j.state as job_state, j.error_code,
          r.error, q.facts, r.body, r.compressed
        from page p
        left join jobs j on j.id = p.job_id
        left join job_results r on r.job_id = p.job_id
        left join job_requests q on q.job_id = p.job_id
        where p.before <= $4
        order by p.line`,
      [batch, from, limits.lines, limits.bytes],
    ),
  );
  return rows;
}

/**
 * Appends results to the files of a batch, once. Returns false when somebody else has appended
 * them.
 */
export async function writeBatchLines(
  pool: Pick<Pool, "query">,
  batch: string,
  { from, to, output, errors, usage, lost }: WrittenLines,
): Promise<boolean> {
  const { rows } = await pool.query<{ done: boolean }>(
    preparedStatement(
      "write_batch_lines",
      "select write_batch_lines($1, $2, $3, $4::bytea[], $5::bytea[], $6, $7) as done",
      [batch, from, to, output, errors, JSON.stringify(usage), lost],
    ),
  );
  return rows[0]?.done === true;
}
