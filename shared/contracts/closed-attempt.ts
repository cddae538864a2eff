/** An attempt whose ledger row has been written, for metrics and logs. */
export interface ClosedAttempt {
  readonly provider: string;
  readonly status: LedgerStatus;
  /** From accept to the attempt's start. */
  readonly queueMs: number;
  /** From the attempt's start to the first byte or event of its answer; null: none came. */
  readonly ttftMs: number | null;
  /** What the key was charged. */
  readonly costNanos: bigint;
  /** What the house carried beyond the hold. */
  readonly overrunNanos: bigint;
}

/** How an attempt ended. I4 of docs/architecture.md says what each status may cost. */
export const ledgerStatuses = ["ok", "failed", "cancelled", "unknown", "not_sent"] as const;

export type LedgerStatus = (typeof ledgerStatuses)[number];
