import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import { endError } from "../../shared/jobs/explain-end.ts";
import type { WorkerHealth } from "../health/provider-health.ts";
import { ledgerEntry } from "./attempt-ledger.ts";
import type { Attempt } from "./attempt.ts";
import { moveAttempt, tellMoved, type MoveDeps } from "./move-attempt.ts";
import { settleAttempt } from "./settle-attempt.ts";

export interface ConcludeDeps extends MoveDeps {
  readonly health: MoveDeps["health"] & Pick<WorkerHealth, "recordSuccess">;
}

/**
 * Returns the function that closes an attempt: it settles the attempt or moves its job on, and
 * tells the job's owner only what a statement returned.
 */
export function concludeAttempt(
  deps: ConcludeDeps,
): (attempt: Attempt, outcome: ProviderOutcome) => Promise<void> {
  return async (attempt, outcome) => {
    if (outcome.kind === "ok") {
      deps.health.recordSuccess(attempt.target.provider, attempt.startedAt);
      await settleAttempt(deps, attempt, outcome, "done");
    } else if (outcome.kind === "failed") await moveAttempt(deps, attempt, outcome);
    else await stop(deps, attempt, outcome);
  };
}

/** Concludes an attempt that the broker stopped. */
async function stop(
  deps: ConcludeDeps,
  attempt: Attempt,
  outcome: Extract<ProviderOutcome, { kind: "aborted" }>,
): Promise<void> {
  const reason = attempt.abort.reason() ?? "stopped";
  if (reason === "lease_lost" || reason === "shutdown") {
    await waitAgain(deps, attempt, outcome, reason);
    return;
  }
  const state = reason === "deadline" || reason === "sync_wait" ? "expired" : "cancelled";
  await settleAttempt(deps, attempt, outcome, state, endError(state), reason);
}

/**
 * Lets a job wait again at its target after a lost lease or a shutdown, which are not the fault of
 * the job or its provider. The job fails if a part of its answer has gone out or its attempts are
 * used up.
 */
async function waitAgain(
  deps: ConcludeDeps,
  attempt: Attempt,
  outcome: ProviderOutcome,
  code: string,
): Promise<void> {
  const { jobId, place, job } = attempt;
  const isLast = job.tries + (outcome.sent ? 1 : 0) >= job.max_attempts;
  if (attempt.forwarded || isLast) {
    await settleAttempt(deps, attempt, outcome, "failed", endError("failed"), code);
    return;
  }
  const ledger = ledgerEntry(attempt, outcome, code);
  const row = await deps.database.move.submit({
    job: jobId,
    place,
    fence: job.fence,
    target: job.target,
    delay_ms: 0,
    check_ms: deps.checkMs,
    excused: true,
    ...ledger,
  });
  if (row.verdict === "refused")
    await settleAttempt(deps, attempt, outcome, "failed", endError("failed"));
  else await tellMoved(deps, attempt, row, ledger, 0);
}
