/** An attempt whose ledger row has been written, for metrics and logs. */
export interface ClosedAttempt {
  readonly provider: string;
  readonly status: LedgerStatus;
  /** The queue time runs from accept to the attempt's start. */
  readonly queueMs: number;
  /**
   * The time from the attempt's start to the first byte or event of its answer. Null means that
   * none came.
   */
  readonly ttftMs: number | null;
  /** The amount that the key was charged. */
  readonly costNanos: bigint;
  /** The cost beyond the hold, which the operator pays. */
  readonly overrunNanos: bigint;
}

/**
 * The ways in which an attempt can end. I4 of docs/architecture.md says what each status may cost.
 */
export const ledgerStatuses = ["ok", "failed", "cancelled", "unknown", "not_sent"] as const;

export type LedgerStatus = (typeof ledgerStatuses)[number];
