import type { Pool } from "pg";
import { decompress } from "../db/compressed.ts";
import { preparedStatement } from "../db/statement.ts";

/** The stored answer of an accepted job. */
export interface JobResult {
  readonly contentType: string | null;
  /** The body of a whole answer. */
  readonly body: Buffer | null;
  /** The events of a stream as text. */
  readonly events: string | null;
}

interface ResultRow {
  readonly content_type: string | null;
  readonly body: Buffer | null;
  readonly events: Buffer | null;
  readonly compressed: boolean;
}

/** Reads the stored answer of a job; undefined when no attempt has settled the job. */
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

/** Reads the stored body of a job's request; undefined when it is not kept any more. */
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
