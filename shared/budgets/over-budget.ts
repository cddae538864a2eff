import type { AcceptRow } from "../jobs/accept.ts";
import { BrokerError } from "../errors/broker-error.ts";
import { formatUsd } from "../money/usd.ts";

/**
 * Makes the error for a caller whose budget does not cover what a job may cost. `advice` is a
 * sentence about what the caller can do.
 */
export function overBudget(row: AcceptRow, needed: bigint, advice = ""): BrokerError {
  const free = row.free_nanos ?? 0n;
  const left = `$${formatUsd(free > 0n ? free : 0n)} of $${formatUsd(row.limit_nanos ?? 0n)}`;
  const reset =
    row.resets_at === null ? "It does not reset." : `It resets at ${row.resets_at.toISOString()}.`;
  return new BrokerError(
    "insufficient_quota",
    `The budget of this ${row.capped ? "batch" : "API key"} has ${left} left, and this request may cost $${formatUsd(needed)}. ${[advice, reset].filter((text) => text !== "").join(" ")}`,
  );
}
