import type { LedgerStatus } from "../contracts/closed-attempt.ts";

/** What the ledger row says of a closed attempt; a part of settle's and move's members. */
export interface LedgerEntry {
  readonly status: LedgerStatus;
  readonly error_code: string | null;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  /** The counts are bounds: the upstream reported none that could be true. */
  readonly estimated: boolean;
  /** Real cost in nano-USD as a decimal string; at most the hold is charged. */
  readonly cost: string;
  readonly ttft_ms: number | null;
  readonly total_ms: number;
}
