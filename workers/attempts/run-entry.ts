import { randomUUID } from "node:crypto";
import type { ProviderConfig } from "../../config/config.ts";
import type { Entry } from "../../shared/contracts/entry.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { ClaimedJob, ClaimRow } from "../../shared/jobs/claim.ts";
import type { Database } from "../../shared/db/database.ts";
import type { Taken } from "../../shared/queue/queue-backend.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import type { Provider } from "../providers/provider.ts";
import { NO_OWNER } from "../../shared/contracts/reply.ts";
import type { JobRequest } from "../../shared/contracts/job-request.ts";
import type { Attempt } from "./attempt.ts";
import type { AttemptAbort, AttemptAborts } from "./attempt-aborts.ts";
import { callOptions, type CallOptionsDeps } from "./call-options.ts";
import { endUnclaimed } from "./end-unclaimed.ts";
import { readStoredRequest } from "./read-stored-request.ts";
import type { Seclusion } from "./seclusion.ts";

export interface RunEntryDeps extends CallOptionsDeps {
  readonly database: Database;
  readonly reply: ReplySender;
  readonly aborts: AttemptAborts;
  readonly conclude: (attempt: Attempt, outcome: ProviderOutcome) => Promise<void>;
  /**
   * Is called when the provider begins to answer a call that began at `startedMs`
   * (`performance.now()`).
   */
  readonly onAnswering: (provider: string, startedMs: number) => void;
  /** Is called when an accepted job's entry has left its queue. */
  readonly onTaken: (provider: string, priority: number) => void;
  /** Returns this worker's name in the fleet, or undefined while it has no lease session. */
  readonly workerId: () => string | undefined;
  /** Runs a suspect while nothing else is in flight. */
  readonly seclusion: Pick<Seclusion, "alone">;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A suspect whose turn has not come is taken again after about this time. */
const SUSPECT_PAUSE_MS = 300;

/**
 * Runs one entry: claims the job, calls the provider, passes bytes on and concludes. The caller
 * holds a slot until this resolves, which is not before the call's socket is free. The result tells
 * the queue what becomes of the entry.
 */
export async function runEntry(
  deps: RunEntryDeps,
  entry: Entry,
  provider: Provider,
  config: ProviderConfig,
): Promise<Taken> {
  if ("accepted" in entry) deps.onTaken(provider.name, entry.priority);
  const worker = deps.workerId();
  if (worker === undefined) return "taken";
  // Listening begins before the claim, so that a stop request after the claim finds its listener.
  const abort = deps.aborts.begin(entry.job);
  try {
    const claimAs = (alone: { alone?: true }): Promise<ClaimRow> =>
      deps.database.claim.submit({
        job: entry.job,
        place: entry.place,
        provider: provider.name,
        nonce: randomUUID(),
        worker,
        ...alone,
      });
    const run = async (claim: ClaimRow): Promise<void> => {
      if (claim.verdict === "suspect") return;
      if (claim.verdict !== "claimed") return await endUnclaimed(deps, entry, claim.verdict);
      const startedAt = performance.now();
      const request = "accepted" in entry ? await readStoredRequest(claim) : entry;
      const attempt = begin(deps, entry, request, claim, abort, startedAt);
      await runAttempt(deps, attempt, provider, config);
    };
    const claim = await claimAs({});
    if (claim.verdict !== "suspect") await run(claim);
    else {
      const runAlone = async (): Promise<void> => run(await claimAs({ alone: true }));
      if (!(await deps.seclusion.alone(runAlone, abort.signal)))
        return { afterMs: SUSPECT_PAUSE_MS * (0.5 + deps.random()) };
    }
    return "taken";
  } finally {
    abort.end();
  }
}

function begin(
  deps: Pick<RunEntryDeps, "reply">,
  entry: Entry,
  request: JobRequest,
  job: ClaimedJob,
  abort: AttemptAbort,
  startedAt: number,
): Attempt {
  const accepted = "accepted" in entry;
  const target = job.plan[job.target];
  if (target === undefined) throw new Error(`job ${entry.job} has no target ${job.target}`);
  abort.deadlineIn(job.remaining_ms);
  const answerHeaders = {
    provider: target.provider,
    location: target.location,
    attempts: job.fence,
    queueMs: job.queue_ms,
  };
  return {
    jobId: entry.job,
    place: entry.place,
    request,
    accepted,
    job,
    target,
    answerHeaders,
    abort,
    reply: deps.reply.attempt(accepted ? NO_OWNER : entry.owner, entry.job, job.fence),
    startedAt,
    forwarded: false,
    events: [],
  };
}

async function runAttempt(
  deps: RunEntryDeps,
  attempt: Attempt,
  provider: Provider,
  config: ProviderConfig,
): Promise<void> {
  const { job, answerHeaders, reply } = attempt;
  try {
    await reply.send({ type: "started", ...answerHeaders });
    const outcome = mayLeave(job, config)
      ? await call(deps, attempt, provider)
      : notSent("residency: this provider is not local");
    await deps.conclude(attempt, outcome);
  } finally {
    reply.close();
  }
}

async function call(
  deps: Pick<RunEntryDeps, "onAnswering" | keyof CallOptionsDeps>,
  attempt: Attempt,
  provider: Provider,
): Promise<ProviderOutcome> {
  const { request, accepted, abort, answerHeaders, reply, events } = attempt;
  return await provider.call(
    {
      ...request,
      ...callOptions(deps, attempt),
      signal: abort.signal,
    },
    {
      head() {
        deps.onAnswering(provider.name, attempt.startedAt);
        if (!request.stream) return; // A response is always generated as a stream.
        attempt.forwarded = !accepted;
        void reply.send({ type: "head", ...answerHeaders });
      },
      async write(text) {
        if (!request.stream) return;
        if (accepted) events.push(text);
        if (!(await reply.send({ type: "chunk", text }))) abort.abort("disconnect");
      },
    },
  );
}

/**
 * Makes the second check of I5 (docs/architecture.md); the claim statement makes the first. The
 * configuration file of this process decides too where a `residency: local` job may go.
 */
function mayLeave(job: ClaimedJob, config: ProviderConfig): boolean {
  return job.residency === "any" || config.location === "local";
}

function notSent(detail: string): ProviderOutcome {
  return {
    kind: "failed",
    reason: "connect",
    detail,
    sent: false,
    gotHeaders: false,
    outputBytes: 0,
    usage: undefined,
    ttftMs: null,
  };
}
