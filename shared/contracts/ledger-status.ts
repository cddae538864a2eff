/** How an attempt ended. I4 of docs/architecture.md says what each status may cost. */
export const ledgerStatuses = ["ok", "failed", "cancelled", "unknown", "not_sent"] as const;

export type LedgerStatus = (typeof ledgerStatuses)[number];
