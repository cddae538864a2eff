import type { CallRecord } from "../load/call-record.ts";

/** What the database says of a job. */
export interface JobRow {
  readonly id: string;
  readonly state: string;
  readonly error_code: string | null;
  readonly residency: string;
}

export interface CallerFacts {
  readonly records: readonly CallRecord[];
  readonly jobs: readonly JobRow[];
  /** `x-client-request-id` of the calls that the cloud saw. */
  readonly cloudCalls: readonly string[];
  /** Whether the API process was killed, frozen or restarted in the interval. */
  readonly wasInTrouble: (api: CallRecord["api"], fromMs: number, toMs: number) => boolean;
}

/**
 * For ends that wait for a frozen or stopped database: its longest outage, and the time until
 * everybody is connected again.
 */
export const ANSWER_GRACE_MS = 40_000;

/** How a job may have ended whose caller was told this code; of other codes in every way but `done`. */
const statesByCode: Readonly<Record<string, readonly string[]>> = {
  insufficient_quota: ["failed"],
  upstream_failed: ["failed"],
  deadline_exceeded: ["expired"],
  no_capacity: ["failed"],
  // Says that it may have run.
  answer_lost: ["done", "failed", "cancelled", "expired"],
};
const NOT_DONE = ["failed", "cancelled", "expired"];

/** Compares what callers saw with the jobs of a broker at rest. One line for each difference. */
export function findCallerDifferences(facts: CallerFacts): string[] {
  const jobs = new Map(facts.jobs.map((job) => [job.id, job]));
  const cloudJobs = new Set(facts.cloudCalls.map((id) => id.slice(0, id.lastIndexOf("."))));
  return [
    ...facts.records.flatMap((record) =>
      [
        connectionFlaw(record, facts),
        answerFlaw(record, facts),
        jobFlaw(record, jobs),
        residencyFlaw(record, cloudJobs),
      ]
        .filter((problem) => problem !== undefined)
        .map((problem) => `${about(record)}: ${problem}`),
    ),
    ...facts.jobs
      .filter(({ id, residency }) => residency === "local" && cloudJobs.has(id))
      .map(({ id }) => `job ${id} must stay local, and the cloud saw it`),
    ...foreignJobs(facts),
    ...sharedJobs(facts.records),
  ];
}

function about(record: CallRecord): string {
  const { marker, shape, api, job, status, errorCode, sentAtMs, endedAtMs } = record;
  return [
    `${marker} (${shape} at ${api}, ${(sentAtMs / 1_000).toFixed(1)}-${(endedAtMs / 1_000).toFixed(1)} s,`,
    `${job ?? "no job"}, ${status ?? "no status"}${errorCode === undefined ? "" : ` ${errorCode}`})`,
  ].join(" ");
}

/** A caller whose API process was well gets an answer, and in time. */
function connectionFlaw(record: CallRecord, { wasInTrouble }: CallerFacts): string | undefined {
  const { end, api, sentAtMs, endedAtMs, deadlineMs } = record;
  if (end === "left" || wasInTrouble(api, sentAtMs, endedAtMs)) return undefined;
  if (end === "hung") return "the caller never got an answer";
  const lateMs = endedAtMs - sentAtMs - deadlineMs;
  if (lateMs > ANSWER_GRACE_MS) return `answered ${Math.round(lateMs)} ms after its deadline`;
  // An API hangs up on a reader that has not taken its answer by the deadline.
  if (end === "lost" && lateMs < 0) return "the connection broke, and nothing was wrong with it";
  return undefined;
}

function answerFlaw(record: CallRecord, { wasInTrouble }: CallerFacts): string | undefined {
  const { end, status, complete, errorCode, text, api, sentAtMs, endedAtMs } = record;
  if (text === "foreign") return "got the text of another answer";
  if (complete && text !== "own") return `got a complete answer with ${text} of its text`;
  if (complete && errorCode !== undefined) return "got an error and a complete answer";
  const isOpenEnd = end === "answered" && status === 200 && !complete && errorCode === undefined;
  if (isOpenEnd && !wasInTrouble(api, sentAtMs, endedAtMs))
    return "the answer ended without an end and without an error";
  return undefined;
}

function jobFlaw(record: CallRecord, jobs: ReadonlyMap<string, JobRow>): string | undefined {
  const { job: id, status, complete, errorCode } = record;
  if (id === undefined) return status === 200 ? "answered without a job" : undefined;
  const job = jobs.get(id);
  if (job === undefined) return "its job is not in the database";
  const found = `its job is ${job.state}${job.error_code === null ? "" : ` (${job.error_code})`}`;
  if (complete && job.state !== "done") return found;
  if (errorCode !== undefined && !(statesByCode[errorCode] ?? NOT_DONE).includes(job.state))
    return found;
  return undefined;
}

function residencyFlaw(record: CallRecord, cloudJobs: ReadonlySet<string>): string | undefined {
  if (record.residency !== "local") return undefined;
  const wasThere =
    record.provider === "cloud" || (record.job !== undefined && cloudJobs.has(record.job));
  return wasThere ? "must stay local, and was at the cloud" : undefined;
}

/** Jobs that no caller has named can only belong to callers who never saw a header. */
function foreignJobs({ records, jobs }: CallerFacts): string[] {
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
