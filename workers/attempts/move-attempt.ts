import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { EndState } from "../../shared/contracts/reply.ts";
import { endError } from "../../shared/jobs/explain-end.ts";
import type { MoveRow } from "../../shared/jobs/move.ts";
import type { LedgerEntry } from "../../shared/ledger/ledger-entry.ts";
import type { WorkerHealth } from "../health/provider-health.ts";
import { closedAttempt, ledgerEntry } from "./attempt-ledger.ts";
import type { AttemptLog } from "./attempt-log.ts";
import type { Attempt } from "./attempt.ts";
import type { Step } from "./decide-next.ts";
import { settleAttempt, type SettleDeps } from "./settle-attempt.ts";
import { stepsAfterFailure, type FailureDeps } from "./steps-after-failure.ts";

export interface MoveDeps extends SettleDeps, FailureDeps {
  readonly health: FailureDeps["health"] & Pick<WorkerHealth, "isResting">;
  readonly attemptLog: Pick<AttemptLog, "failed">;
  /** So long after a move's delay the sweeper first checks that the queue has the new entry. */
  readonly checkMs: number;
}

type Failed = Extract<ProviderOutcome, { kind: "failed" }>;

/**
 * Offers the steps that may follow a failed attempt to the move statement, in order, until it
 * accepts one. If it accepts none, the job fails.
 */
export async function moveAttempt(
  deps: MoveDeps,
  attempt: Attempt,
  outcome: Failed,
): Promise<void> {
  const { jobId, place, job } = attempt;
  const why = deps.attemptLog.failed(attempt, outcome);
  const next = stepsAfterFailure(deps, attempt, outcome, why);
  const ledger = ledgerEntry(attempt, outcome, outcome.reason);
  // A provider that rests gets one call at a time: its retries need no other bound.
  const rests = deps.health.isResting(attempt.target.provider);
  const isExcused = (step: Step): boolean =>
    step.kind === "retry" && (step.excused === true || rests);
  for (const step of next.steps) {
    const row = await deps.database.move.submit({
      job: jobId,
      place,
      fence: job.fence,
      target: step.kind === "move" ? step.target : job.target,
      delay_ms: step.delayMs,
      check_ms: deps.checkMs,
      ...(isExcused(step) ? { excused: true as const } : {}),
      ...(next.uncounted ? { uncounted: true as const } : {}),
      ...(isDoubtful(outcome) ? { doubtful: true as const } : {}),
      ...(step.kind === "retry" && step.outputCap !== undefined
        ? { output_cap: step.outputCap }
        : {}),
      ...ledger,
    });
    if (row.verdict === "no_retry" || row.verdict === "refused") continue;
    await tellMoved(deps, attempt, row, ledger, step.delayMs);
    return;
  }
  await settleAttempt(deps, attempt, outcome, "failed", next.fail, outcome.reason);
}

/**
 * Tells a job's owner that the statement has given the job a new place or ended it. The verdict
 * `gone` means that another process closed the attempt, told the owner and counted it.
 */
export async function tellMoved(
  deps: Pick<SettleDeps, "onClosed">,
  attempt: Attempt,
  row: MoveRow,
  ledger: LedgerEntry,
  delayMs: number,
): Promise<void> {
  const { answerHeaders } = attempt;
  const { verdict, provider, place, state } = row;
  if (verdict !== "gone") deps.onClosed(closedAttempt(attempt, ledger, null));
  if (verdict === "moved" && provider !== null && place !== null)
    await attempt.reply.send({ type: "enqueue", provider, place, delayMs });
  else if (verdict === "budget" || verdict === "ended")
    await attempt.reply.send({
      type: "end",
      state: state as EndState,
      answerHeaders,
      error: endError(state, verdict === "budget" ? "insufficient_quota" : ""),
    });
}

/** Tells whether the job may have crashed the server. The server may also only be away. */
function isDoubtful({ reason, status }: Failed): boolean {
  return reason === "cut" || (reason === "server_error" && status === 500);
}
