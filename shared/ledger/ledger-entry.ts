import type { LedgerStatus } from "../contracts/closed-attempt.ts";

/**
 * The facts about a closed attempt that its ledger row records. They are part of the members of
 * settle and move.
 */
export interface LedgerEntry {
  readonly status: LedgerStatus;
  readonly error_code: string | null;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  /** The token counts are bounds, because the upstream reported none that could be true. */
  readonly estimated: boolean;
  /** The real cost in nano-dollars as a decimal string. At most the hold is charged. */
  readonly cost: string;
  readonly ttft_ms: number | null;
  readonly total_ms: number;
}
