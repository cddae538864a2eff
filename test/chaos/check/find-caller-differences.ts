import type { CallRecord } from "../load/call-record.ts";

/** The database's row of a job. */
export interface JobRow {
  readonly id: string;
  readonly state: string;
  readonly error_code: string | null;
  readonly residency: string;
}

export interface CallerRecords {
  readonly records: readonly CallRecord[];
  readonly jobs: readonly JobRow[];
  /** The cloud received calls with these `x-client-request-id` headers. */
  readonly cloudCalls: readonly string[];
  /** Tells whether the API process was killed, frozen or restarted in the interval. */
  readonly wasDisturbed: (api: CallRecord["api"], fromMs: number, toMs: number) => boolean;
}

/**
 * Extra time for answers that wait for a frozen or stopped database: its longest outage, and the
 * time until all processes are connected again.
 */
export const ANSWER_GRACE_MS = 40_000;

/**
 * The states that a job may have ended in when its caller got this code; after other codes all but
 * `done`.
 */
const STATES_BY_CODE: Readonly<Record<string, readonly string[]>> = {
  insufficient_quota: ["failed"],
  upstream_failed: ["failed"],
  deadline_exceeded: ["expired"],
  no_capacity: ["failed"],
  // The code says that the job may have run.
  answer_lost: ["done", "failed", "cancelled", "expired"],
};
const NOT_DONE = ["failed", "cancelled", "expired"];

/**
 * Compares the callers' records with the jobs of a broker at rest. Returns one line for each
 * difference.
 */
export function findCallerDifferences(observed: CallerRecords): string[] {
  const jobs = new Map(observed.jobs.map((job) => [job.id, job]));
  const cloudJobs = new Set(observed.cloudCalls.map((id) => id.slice(0, id.lastIndexOf("."))));
  return [
    ...observed.records.flatMap((record) =>
      [
        connectionProblem(record, observed),
        answerProblem(record, observed),
        jobProblem(record, jobs),
        residencyProblem(record, cloudJobs),
      ]
        .filter((problem) => problem !== undefined)
        .map((problem) => `${about(record)}: ${problem}`),
    ),
    ...observed.jobs
      .filter(({ id, residency }) => residency === "local" && cloudJobs.has(id))
      .map(({ id }) => `job ${id} must stay local, and the cloud saw it`),
    ...foreignJobs(observed),
    ...sharedJobs(observed.records),
  ];
}

function about(record: CallRecord): string {
  const { marker, shape, api, job, status, errorCode, sentAtMs, endedAtMs } = record;
  return [
    `${marker} (${shape} at ${api}, ${(sentAtMs / 1_000).toFixed(1)}-${(endedAtMs / 1_000).toFixed(1)} s,`,
    `${job ?? "no job"}, ${status ?? "no status"}${errorCode === undefined ? "" : ` ${errorCode}`})`,
  ].join(" ");
}

/** A caller must get an answer, in time, unless its API process was disturbed. */
function connectionProblem(
  record: CallRecord,
  { wasDisturbed }: CallerRecords,
): string | undefined {
  const { end, api, sentAtMs, endedAtMs, deadlineMs } = record;
  if (end === "left" || wasDisturbed(api, sentAtMs, endedAtMs)) return undefined;
  if (end === "hung") return "the caller never got an answer";
  const lateMs = endedAtMs - sentAtMs - deadlineMs;
  if (lateMs > ANSWER_GRACE_MS) return `answered ${Math.round(lateMs)} ms after its deadline`;
  // An API hangs up on a reader that has not taken its answer by the deadline.
  if (end === "lost" && lateMs < 0) return "the connection broke, and nothing was wrong with it";
  return undefined;
}

function answerProblem(record: CallRecord, { wasDisturbed }: CallerRecords): string | undefined {
  const { end, status, complete, errorCode, text, api, sentAtMs, endedAtMs } = record;
  if (text === "foreign") return "got the text of another answer";
  if (complete && text !== "own") return `got a complete answer with ${text} of its text`;
  if (complete && errorCode !== undefined) return "got an error and a complete answer";
  const isOpenEnd = end === "answered" && status === 200 && !complete && errorCode === undefined;
  if (isOpenEnd && !wasDisturbed(api, sentAtMs, endedAtMs))
    return "the answer ended without an end and without an error";
  return undefined;
}

function jobProblem(record: CallRecord, jobs: ReadonlyMap<string, JobRow>): string | undefined {
  const { job: id, status, complete, errorCode } = record;
  if (id === undefined) return status === 200 ? "answered without a job" : undefined;
  const job = jobs.get(id);
  if (job === undefined) return "its job is not in the database";
  const found = `its job is ${job.state}${job.error_code === null ? "" : ` (${job.error_code})`}`;
  if (complete && job.state !== "done") return found;
  if (errorCode !== undefined && !(STATES_BY_CODE[errorCode] ?? NOT_DONE).includes(job.state))
    return found;
  return undefined;
}

function residencyProblem(record: CallRecord, cloudJobs: ReadonlySet<string>): string | undefined {
  if (record.residency !== "local") return undefined;
  const wasThere =
    record.provider === "cloud" || (record.job !== undefined && cloudJobs.has(record.job));
  return wasThere ? "must stay local, and was at the cloud" : undefined;
}

/** Only callers who never saw a header can own jobs that no caller names. */
function foreignJobs({ records, jobs }: CallerRecords): string[] {
  const named = new Set(records.map(({ job }) => job));
  const unnamed = jobs.filter(({ id }) => !named.has(id)).length;
  const unanswered = records.filter(
    ({ job, status }) => job === undefined && (status === undefined || status >= 500),
  ).length;
  return unnamed > unanswered
    ? [`${unnamed} jobs that no caller knows, and ${unanswered} callers who know no job`]
    : [];
}

function sharedJobs(records: readonly CallRecord[]): string[] {
  const seen = new Map<string, string>();
  return records.flatMap(({ job, marker }) => {
    if (job === undefined) return [];
    const other = seen.get(job);
    seen.set(job, marker);
    return other === undefined ? [] : [`${marker} and ${other} were told the same job ${job}`];
  });
}
