import type { ClosedAttempt, LedgerStatus } from "../../shared/contracts/closed-attempt.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { LedgerEntry } from "../../shared/ledger/ledger-entry.ts";
import { attemptCost } from "./attempt-cost.ts";
import type { Attempt } from "./attempt.ts";

/** Makes the ledger entry of an attempt that has just ended, with `code` as its error. */
export function ledgerEntry(
  attempt: Attempt,
  outcome: ProviderOutcome,
  code: string | null,
): LedgerEntry {
  const { job, target } = attempt;
  const used = attemptCost(outcome, target, { input: job.input_bound, output: job.output_bound });
  return {
    status: ledgerStatus(outcome),
    error_code: code,
    prompt_tokens: used.promptTokens,
    completion_tokens: used.completionTokens,
    estimated: used.estimated,
    cost: used.nanos.toString(),
    ttft_ms: outcome.ttftMs === null ? null : Math.round(outcome.ttftMs),
    total_ms: Math.round(performance.now() - attempt.startedAt),
  };
}

function ledgerStatus(outcome: ProviderOutcome): LedgerStatus {
  if (outcome.kind === "ok") return "ok";
  if (!outcome.sent) return "not_sent";
  return outcome.kind === "aborted" ? "cancelled" : "failed";
}

/** Describes a closed attempt. The key pays its cost without the overrun. */
export function closedAttempt(
  attempt: Attempt,
  ledger: LedgerEntry,
  overrunNanos: bigint | null,
): ClosedAttempt {
  const overrun = overrunNanos ?? 0n;
  return {
    provider: attempt.target.provider,
    status: ledger.status,
    queueMs: attempt.job.queue_ms,
    ttftMs: ledger.ttft_ms,
    costNanos: BigInt(ledger.cost) - overrun,
    overrunNanos: overrun,
  };
}
