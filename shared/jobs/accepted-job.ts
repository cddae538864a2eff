import type { Pool } from "pg";
import type { Endpoint } from "../contracts/endpoint.ts";
import type { EndState } from "../contracts/reply.ts";
import type { ResponseStatus } from "../contracts/outcome.ts";
import { preparedStatement, statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

/** An accepted job as the database shows it now. */
export interface AcceptedJob {
  readonly id: string;
  readonly key_id: string;
  readonly endpoint: Endpoint;
  /** The public model name. */
  readonly model: string;
  readonly stream: boolean;
  /** The job is a stored response or chat completion, so its request is kept after the end. */
  readonly stored: boolean;
  readonly state: EndState | "waiting" | "running";
  readonly fence: number;
  readonly response_status: ResponseStatus | null;
  readonly error_code: string | null;
  /** The batch whose line the job runs. */
  readonly batch_id: string | null;
  readonly accepted_at: Date;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly deadline_at: Date;
  readonly cost_nanos: bigint;
  /** `StoredRequest` as JSON text. */
  readonly facts: string;
  /** The provider of the last attempt. It is null before the first attempt. */
  readonly provider: string | null;
  readonly location: "local" | "cloud" | null;
  readonly queue_ms: number | null;
  /** The cost rests on bounds, because an upstream reported no usage. */
  readonly estimated: boolean;
  /** A `ReplyError` as JSON text. It says more than `error_code` about why the job was not done. */
  readonly error: string | null;
}

const selectJobs = `
  select j.id, j.key_id, j.endpoint, j.model, j.stream, j.stored, j.state, j.fence, j.response_status,
    j.error_code, j.batch_id, j.accepted_at, j.ended_at, j.deadline_at, j.cost_nanos,
    coalesce(r.facts, '{}') as facts,
    coalesce(a.started_at, l.created_at - l.total_ms * interval '1 ms') as started_at,
    coalesce(a.provider, l.provider) as provider, coalesce(a.queue_ms, l.queue_ms) as queue_ms,
    coalesce(l.location, j.plan -> a.target::integer ->> 'location') as location,
    coalesce(l.estimated, false) as estimated, o.error
  from jobs j
  left join job_requests r on r.job_id = j.id
  left join attempts a on a.job_id = j.id
  left join ledger l on l.job_id = j.id and l.attempt = j.fence
  left join job_results o on o.job_id = j.id
  where not j.interactive and j.deleted_at is null`;

/**
 * Reads an accepted job of any key, so the caller checks whose it is. Returns undefined for a job
 * that is unknown, interactive or deleted.
 */
export async function readJob(pool: Query, id: string): Promise<AcceptedJob | undefined> {
  const { rows } = await pool.query<AcceptedJob>(
    preparedStatement("read_job", `${selectJobs} and j.id = $1`, [id]),
  );
  return rows[0];
}

export interface JobFilter {
  readonly states: readonly AcceptedJob["state"][] | null;
  readonly responseStatus: ResponseStatus | null;
  readonly model: string | null;
  /** Null asks for jobs that are not lines of a batch. */
  readonly batch: string | null;
  /** With an endpoint, only stored jobs of that endpoint are listed. */
  readonly storedAs?: Endpoint;
  /** The id of the last job on the previous page. */
  readonly after: string | null;
  readonly ascending: boolean;
  readonly limit: number;
}

/** Reads a page of a key's accepted jobs, ordered by id and so by time. */
export async function listJobs(
  pool: Query,
  key: string,
  filter: JobFilter,
): Promise<AcceptedJob[]> {
  const [beyond, direction] = filter.ascending ? [">", "asc"] : ["<", "desc"];
  const { rows } = await pool.query<AcceptedJob>(
    statement(
      "list_jobs",
      `${selectJobs} and j.key_id = $1
         and ${filter.batch === null ? "j.batch_id is null and $7::text is null" : "j.batch_id = $7"}
         and ($2::text[] is null or j.state = any ($2))
         and ($3::text is null or coalesce(j.response_status, 'completed') = $3)
         and ($4::text is null or j.model = $4)
         and ($8::text is null or (j.stored and j.endpoint = $8))
         and ($5::text is null or j.id ${beyond} $5)
       order by j.id ${direction} limit $6`,
      [
        key,
        filter.states,
        filter.responseStatus,
        filter.model,
        filter.after,
        filter.limit,
        filter.batch,
        filter.storedAs,
      ],
    ),
  );
  return rows;
}
