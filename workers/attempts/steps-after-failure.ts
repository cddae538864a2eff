import { createHash } from "node:crypto";
import { failureRules } from "../../shared/contracts/failure-reason.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import { failureSign, type FailureSign } from "../health/failure-sign.ts";
import type { WorkerHealth } from "../health/provider-health.ts";
import { hasCaller, type Attempt } from "./attempt.ts";
import { decideNext, type Next } from "./decide-next.ts";

export interface FailureDeps {
  readonly health: Pick<WorkerHealth, "isUp" | "recordFailure">;
  readonly waitsForCapacity: (model: string) => boolean;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

type Failed = Extract<ProviderOutcome, { kind: "failed" }>;

/**
 * Records a failure in the provider's health, and returns what may follow it. `why` is the failure
 * in words for operators.
 */
export function stepsAfterFailure(
  deps: FailureDeps,
  attempt: Attempt,
  outcome: Failed,
  why: string,
): Next {
  const { job, target, abort } = attempt;
  const { reason, status, retryAfterMs, error } = outcome;
  const mayGoOn = !abort.signal.aborted || abort.reason() === "lease_lost";
  const sign: FailureSign = failureSign({
    ...outcome,
    elapsedMs: performance.now() - attempt.startedAt,
  });
  const restMs = deps.health.recordFailure(target.provider, {
    job: attempt.jobId,
    request: createHash("sha256").update(attempt.request.body).digest("base64"),
    sign,
    patient: attempt.accepted,
    callerWaits: hasCaller(attempt),
    why,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
  const outputCap = smallerCap(attempt, outcome);
  const isQueued = reason === "engine_queue";
  const isFree = restMs !== undefined || outputCap !== undefined || !failureRules[reason].counts;
  return decideNext({
    reason,
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(error === undefined ? {} : { error }),
    ...(restMs === undefined ? {} : { restMs }),
    ...(outputCap === undefined ? {} : { outputCap }),
    forwarded: attempt.forwarded,
    tries: job.tries + (outcome.sent && !isFree ? 1 : 0),
    maxAttempts: job.max_attempts,
    attempts: job.fence,
    target: job.target,
    plan: job.plan,
    tried: new Set([...job.tried, target.provider]),
    up: (provider) => deps.health.isUp(provider),
    residency: job.residency,
    // A job that waits too long inside an engine overflows as it would from our own queue.
    overflowOnFailure: job.overflow_on_failure || isQueued,
    waitsForCapacity: attempt.accepted || deps.waitsForCapacity(job.model),
    isOwed: !hasCaller(attempt),
    remainingMs: mayGoOn ? job.remaining_ms - (performance.now() - attempt.startedAt) : 0,
    promptTokensBound: job.input_bound,
    random: deps.random,
  });
}

/**
 * Returns the output cap that the target would take, if the refused cap was not the caller's. Each
 * cap of a job is smaller than the one before.
 */
function smallerCap({ request, job }: Attempt, outcome: Failed): number | undefined {
  const fitting = outcome.fittingOutputCap;
  if (fitting === undefined || request.capIsDefault !== true) return undefined;
  return fitting >= 1 && fitting < (job.output_cap ?? Number.POSITIVE_INFINITY)
    ? fitting
    : undefined;
}
