/** How an attempt ended, as its ledger row says; design.md I4 has what each may cost. */
export const ledgerStatuses = ["ok", "failed", "cancelled", "unknown", "not_sent"] as const;

export type LedgerStatus = (typeof ledgerStatuses)[number];
