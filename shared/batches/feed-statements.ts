import type { Pool } from "pg";
import { MAX_CHUNK_BYTES } from "../files/max-chunk-bytes.ts";
import type { BatchError, BatchRow, BatchState } from "./batch-row.ts";

/** A live batch in the hands of this worker, with what the database's clock says. */
export interface FedBatch extends BatchRow {
  readonly remaining_ms: number;
  /** In the last part of its window. */
  readonly urgent: boolean;
}

/** Where one line of a batch's file is. */
export interface OpenLine {
  readonly line: number;
  readonly custom_id: string;
  /** Of its first byte in the file, and its bytes without the line's end. */
  readonly start: number;
  readonly length: number;
  /** A route's name, or '' for one that there is not. */
  readonly model: string;
}

export interface PendingLine {
  readonly job_id: string;
  readonly bytes: Buffer;
  /** A job of it could not be paid for at its next target. */
  readonly unpaid: boolean;
}

export interface PromotedLine {
  readonly job_id: string;
  readonly place: number;
  readonly provider: string;
  readonly key_id: string;
}

export type FeedStatements = ReturnType<typeof feedStatements>;

/** The statements of the worker that feeds batches. Each takes effect once, whoever sends it again. */
export function feedStatements(pool: Pick<Pool, "query">) {
  const first = async <Row extends object>(
    name: string,
    text: string,
    values: unknown[],
  ): Promise<Row | undefined> => (await pool.query<Row>({ name, text, values })).rows[0];
  const isTrue = async (name: string, text: string, values: unknown[]): Promise<boolean> =>
    (await first<{ done: boolean }>(name, text, values))?.done === true;
  return {
    /** A page of the batches with ids after that one, in their order. */
    async claim(worker: string, after: string, page: number): Promise<FedBatch[]> {
      const { rows } = await pool.query<FedBatch>({
        name: "claim_batches",
        text: `select b.*, urgent_at <= now() as urgent,
                 (extract(epoch from deadline_at - now()) * 1000)::double precision as remaining_ms
               from claim_batches($1, $2, $3) b order by id`,
        values: [worker, after, page],
      });
      return rows;
    },
    async release(worker: string): Promise<void> {
      await pool.query("update batches set feeder = null where feeder = $1", [worker]);
    },
    async turn(batch: string, page: number): Promise<BatchState | undefined> {
      const text = "select turn_batch($1, $2) as state";
      return (await first<{ state: BatchState }>("turn_batch", text, [batch, page]))?.state;
    },
    /** Undefined when there is no such file any more. */
    async fileBytes(file: string): Promise<number | undefined> {
      const text = "select bytes from files where id = $1";
      const row = await first<{ bytes: bigint }>("file_bytes", text, [file]);
      return row && Number(row.bytes);
    },
    /** False: the batch need not be read any more. */
    addLines: (batch: string, lines: readonly OpenLine[]): Promise<boolean> =>
      isTrue("add_batch_lines", "select add_batch_lines($1, $2) as done", [
        batch,
        JSON.stringify(lines),
      ]),
    begin: (batch: string, lines: number): Promise<boolean> =>
      isTrue("begin_batch", "select begin_batch($1, $2) as done", [batch, lines]),
    fail: (batch: string, errors: readonly BatchError[]): Promise<boolean> =>
      isTrue("fail_batch", "select end_batch($1, 'validating', 'failed', $2) as done", [
        batch,
        JSON.stringify(errors),
      ]),
    finish: (batch: string): Promise<boolean> =>
      isTrue("finish_batch", "select finish_batch($1) as done", [batch]),
    /** Jobs of a batch that wait, by provider, and how many have not ended. */
    async waiting(batch: string): Promise<{ byProvider: Map<string, number>; open: number }> {
      const { rows } = await pool.query<{ provider: string; waiting: number; open: number }>({
        name: "waiting_lines",
        text: `select j.provider, count(*) filter (where j.state = 'waiting')::integer as waiting,
                 count(*)::integer as open
               from batch_lines l join jobs j on j.id = l.job_id
               where l.batch_id = $1 and l.state = 'open' group by j.provider`,
        values: [batch],
      });
      return {
        byProvider: new Map(rows.map(({ provider, waiting }) => [provider, waiting])),
        open: rows.reduce((sum, row) => sum + row.open, 0),
      };
    },
    /** The next lines of a model, with their bytes; at least one, and then within the limit of bytes. */
    async pending(
      batch: Pick<BatchRow, "id" | "input_file_id">,
      model: string,
      limits: { readonly lines: number; readonly bytes: number },
    ): Promise<PendingLine[]> {
      const { rows } = await pool.query<PendingLine>({
        name: "pending_lines",
        text: `
          with next as (
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
        values: [batch.id, batch.input_file_id, model, limits.lines, limits.bytes],
      });
      return rows;
    },
    async refuse(job: string, status: number, body: object): Promise<void> {
      await first("refuse_line", "select refuse_line($1, $2)", [
        job,
        JSON.stringify({ status, body }),
      ]);
    },
    async pause(batch: string, reason: string, message: string, againMs: number): Promise<void> {
      await pool.query({
        name: "pause_batch",
        text: `update batches set paused = $2, paused_message = $3,
                 paused_at = coalesce(paused_at, now()), feed_at = now() + $4 * interval '1 ms',
                 sums = sum_batch(id)
               where id = $1 and state = 'in_progress'`,
        values: [batch, reason, message, againMs],
      });
    },
    async resume(batch: string): Promise<void> {
      await pool.query({
        name: "resume_batch",
        text: `update batches set paused = null, paused_message = null, paused_at = null
               where id = $1 and paused is not null`,
        values: [batch],
      });
    },
    /** Works out what the lines have come to, for whoever asks. */
    async sum(batch: string): Promise<void> {
      const text = "update batches set sums = sum_batch(id) where id = $1 and ended_at is null";
      await pool.query({ name: "sum_batch", text, values: [batch] });
    },
    async promote(batch: string, toClass: number): Promise<PromotedLine[]> {
      const { rows } = await pool.query<PromotedLine>({
        name: "promote_lines",
        text: "select * from promote_lines($1, $2::smallint)",
        values: [batch, toClass],
      });
      return rows;
    },
    async openJobs(batch: string, page: number): Promise<string[]> {
      const { rows } = await pool.query<{ job_id: string }>({
        name: "open_lines",
        text: `select job_id from batch_lines where batch_id = $1 and state = 'open'
               order by job_id limit $2`,
        values: [batch, page],
      });
      return rows.map(({ job_id }) => job_id);
    },
  };
}
