import type { Pool } from "pg";
import { decompress } from "../db/compressed.ts";
import { preparedStatement } from "../db/statement.ts";

/** The answer that is kept of an accepted job. */
export interface JobResult {
  readonly contentType: string | null;
  /** A whole answer. */
  readonly body: Buffer | null;
  /** A stream's events as text. */
  readonly events: string | null;
}

interface ResultRow {
  readonly content_type: string | null;
  readonly body: Buffer | null;
  readonly events: Buffer | null;
  readonly compressed: boolean;
}

/** Undefined for a job that no attempt has settled. */
export async function readResult(
  pool: Pick<Pool, "query">,
  job: string,
): Promise<JobResult | undefined> {
  const { rows } = await pool.query<ResultRow>(
    preparedStatement(
      "read_result",
      "select content_type, body, events, compressed from job_results where job_id = $1",
      [job],
    ),
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  const { body, events, compressed } = row;
  return {
    contentType: row.content_type,
    body: body === null ? null : await decompress(body, compressed),
    events: events === null ? null : (await decompress(events, compressed)).toString(),
  };
}

/** The stored body of a job's request; undefined when it is not kept (any more). */
export async function readRequestBody(
  pool: Pick<Pool, "query">,
  job: string,
): Promise<string | undefined> {
  const { rows } = await pool.query<{ body: Buffer | null; compressed: boolean }>(
    preparedStatement(
      "read_request_body",
      "select body, compressed from job_requests where job_id = $1",
      [job],
    ),
  );
  const [row] = rows;
  if (row?.body == null) return undefined;
  return (await decompress(row.body, row.compressed)).toString();
}
