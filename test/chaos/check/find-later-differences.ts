import type { LaterRecord } from "../load/later-load.ts";

/** An accepted job's row. */
export interface LaterJobRow {
  readonly id: string;
  readonly state: string;
  readonly error_code: string | null;
  readonly residency: string;
  readonly cancel_reason: string | null;
}

/** The states that a job may have ended in, by the first word of the ending that its caller saw. */
const STATES_BY_ENDING: Readonly<Record<string, readonly string[]>> = {
  answer: ["done"],
  failed: ["failed", "expired"],
  cancelled: ["cancelled"],
};

export interface LaterRecords {
  readonly records: readonly LaterRecord[];
  /** The accepted jobs. */
  readonly jobs: readonly LaterJobRow[];
  /** The cloud received calls with these `x-client-request-id` headers. */
  readonly cloudCalls: readonly string[];
}

/** Compares the records of accepted jobs' callers with the jobs of a broker at rest. */
export function findLaterDifferences({ records, jobs: rows, cloudCalls }: LaterRecords): string[] {
  const jobs = new Map(rows.map((row) => [row.id, row]));
  const atCloud = new Set(cloudCalls.map((id) => id.slice(0, id.lastIndexOf("."))));
  const named = new Set<string>();
  const problems = records.flatMap((record) => {
    const { job, way, ending } = record;
    const about = `accepted ${way} ${job ?? "without a job"} (${ending})`;
    if (job === undefined) return /^(4|5)\d\d |^nobody/.test(ending) ? [] : [about];
    if (named.has(job)) return [`${about}: two callers were told this job`];
    named.add(job);
    const row = jobs.get(job);
    if (row === undefined) return [`${about}: not in the database`];
    return problemsOf(record, row).map((problem) => `${about}: ${problem}`);
  });
  const unnamed = rows.filter(({ id }) => !named.has(id)).length;
  const unanswered = records.filter(({ job }) => job === undefined).length;
  if (unnamed > unanswered)
    problems.push(
      `${unnamed} accepted jobs that no caller knows, of ${unanswered} without an answer`,
    );
  for (const { id, residency } of rows)
    if (residency === "local" && atCloud.has(id))
      problems.push(`${id} must stay local, and did not`);
  return problems;
}

function problemsOf({ ending, cancelled, residency }: LaterRecord, job: LaterJobRow): string[] {
  const problems: string[] = [];
  const found = `its job is ${job.state} (${job.error_code ?? "no code"})`;
  if (/^[45]\d\d /.test(ending)) {
    // The waiting connection got an error; 503 and 504 do not say that the job failed.
    if (job.state === "done" && !/^50[34] /.test(ending)) problems.push(found);
  } else {
    const states = STATES_BY_ENDING[ending.split(" ")[0] ?? ""];
    if (states?.includes(job.state) !== true) problems.push(found);
  }
  if (job.state === "cancelled" && !cancelled)
    problems.push(`nobody cancelled it: ${job.cancel_reason}`);
  if (residency !== job.residency) problems.push(`it may go ${job.residency}`);
  return problems;
}
