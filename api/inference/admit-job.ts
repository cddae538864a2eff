import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import type { Plan, Residency } from "../../shared/contracts/plan.ts";
import type { AcceptRow } from "../../shared/db/accept.ts";
import { classifyDatabaseError } from "../../shared/db/classify-database-error.ts";
import type { Database } from "../../shared/db/database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { formatUsd } from "../../shared/money/usd.ts";
import type { ReplyReceiver } from "../../shared/reply/reply-path.ts";
import { invalidApiKey } from "../auth/bearer.ts";
import type { CallerKey } from "../auth/key-auth.ts";
import type { ChosenTarget } from "./choose-target.ts";
import { isOutOfMemory } from "../../shared/redis/is-out-of-memory.ts";
import { JobRun, type JobRunDeps } from "./job-run.ts";
import { queueIsFull } from "./queue-is-full.ts";
import { QueuePlace, type QueuePlaceDeps } from "./queue-place.ts";
import type { InferenceRequest } from "./read-request.ts";

/** When the sweeper first checks that the queue still has the entry. */
const CHECK_MS = 5_000;

export interface AdmitDeps extends JobRunDeps, QueuePlaceDeps {
  readonly database: Pick<Database, "accept" | "end">;
  readonly replies: ReplyReceiver;
  /** Name of this API process in the fleet. */
  readonly owner: string;
}

export interface Admission {
  readonly id: string;
  readonly key: CallerKey;
  readonly endpoint: Endpoint;
  readonly request: InferenceRequest;
  readonly plan: Plan;
  /** The most input tokens at any target of the plan. */
  readonly inputTokens: number;
  readonly first: ChosenTarget;
  readonly residency: Residency;
  readonly serviceClass: number;
  readonly deadlineMs: number;
  readonly syncWaitMs: number | undefined;
  /** Aborted when the caller goes away. */
  readonly gone: AbortSignal;
}

/**
 * Admits a job with its hold and puts it into its first queue. The inbox is open before either, so
 * that no answer comes too early. Throws `BrokerError` `insufficient_quota`, `invalid_api_key` or
 * `unavailable`, or `rate_limit_exceeded` with a full queue; then nothing is held.
 */
export async function admitJob(deps: AdmitDeps, admission: Admission): Promise<JobRun> {
  const { id, key, request, first, serviceClass } = admission;
  const target = admission.plan[first.target];
  if (target === undefined) throw new Error(`no target ${first.target} in the plan`);
  deps.backlog.check(Buffer.byteLength(request.body));
  const place = new QueuePlace(deps, {
    entry: {
      v: 1,
      job: id,
      owner: deps.owner,
      endpoint: admission.endpoint,
      stream: request.stream,
      wantsUsage: request.wantsUsage,
      choices: request.choices,
      maxOutputTokens: request.maxOutputTokens,
      body: request.body,
      ...(request.streamOptions === undefined ? {} : { streamOptions: request.streamOptions }),
    },
    serviceClass,
    tenant: key.id,
    provider: target.provider,
  });
  const inbox = deps.replies.open(id);
  try {
    place.takeTurn();
    await accept(deps, admission, target.holdNanos);
    await place.enter(target.provider, 0, 0).catch((error: unknown) => {
      endUnqueued(deps, id, "queue_unavailable");
      if (isOutOfMemory(error)) throw queueIsFull(error);
      throw new BrokerError("unavailable", "The queue cannot be reached.", { cause: error });
    });
    return new JobRun(deps, { ...admission, inbox, place });
  } catch (error) {
    inbox.close();
    place.leave();
    throw error;
  }
}

async function accept(deps: AdmitDeps, admission: Admission, hold: string): Promise<void> {
  const { id, key, endpoint, request, first } = admission;
  const { config } = request.route;
  let row: AcceptRow;
  try {
    row = await deps.database.accept.submit({
      id,
      key: key.id,
      endpoint,
      model: config.name,
      class: admission.serviceClass,
      residency: admission.residency,
      interactive: true,
      stream: request.stream,
      owner: deps.owner,
      plan: admission.plan,
      target: first.target,
      hold,
      input_bound: admission.inputTokens,
      output_bound: request.outputTokens,
      max_attempts: config.maxAttempts,
      deadline_ms: admission.deadlineMs,
      overflow_ms: first.overflowMs,
      overflow_on_failure:
        config.overflowWhen.failed && admission.plan.some(({ role }) => role === "overflow"),
      check_ms: CHECK_MS,
    });
  } catch (error) {
    // The answer may be what was lost, after the commit.
    endUnqueued(deps, id, "accept_lost");
    if (classifyDatabaseError(error) === "data") throw error;
    throw new BrokerError("unavailable", "The database cannot be reached.", { cause: error });
  }
  if (row.verdict === "budget") throw overBudget(row, BigInt(hold));
  if (row.verdict === "key") throw invalidApiKey();
}

/** Ends a job that no queue has, behind the caller's back; should this fail, the sweeper does it. */
function endUnqueued(deps: AdmitDeps, job: string, code: string): void {
  deps.database.end.submit({ job, place: null, state: "failed", code }).catch((error: unknown) => {
    deps.log.error({ err: error, job, code }, "job could not be ended");
  });
}

function overBudget(row: AcceptRow, needed: bigint): BrokerError {
  const free = row.free_nanos ?? 0n;
  const left = `$${formatUsd(free > 0n ? free : 0n)} of $${formatUsd(row.limit_nanos ?? 0n)}`;
  const reset =
    row.resets_at === null ? "It does not reset." : `It resets at ${row.resets_at.toISOString()}.`;
  return new BrokerError(
    "insufficient_quota",
    `The budget of this API key has ${left} left, and this request may cost $${formatUsd(needed)}. ${reset}`,
  );
}
