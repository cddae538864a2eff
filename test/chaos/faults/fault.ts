import type { Fault as UpstreamFault } from "../../../cli/simulate/faults.ts";
import type { LineName, ProcessName, ProviderName } from "../fleet/chaos-fleet.ts";

/** One fault. A lasting one ends after the `forMs` of its plan. */
export type Fault =
  | { readonly kind: "kill" | "freeze" | "terminate"; readonly process: ProcessName }
  | { readonly kind: "redis flush" | "redis freeze" }
  | { readonly kind: "redis restart"; readonly forgets: boolean }
  | { readonly kind: "postgres sessions" | "postgres freeze" | "postgres restart" }
  | { readonly kind: "line"; readonly line: LineName; readonly problem: LineProblem }
  | { readonly kind: "upstream"; readonly provider: ProviderName; readonly fault: UpstreamFault }
  | { readonly kind: "slots"; readonly provider: ProviderName; readonly slots: number };

export type LineProblem =
  | { readonly type: "latency"; readonly ms: number }
  | { readonly type: "stall" | "drop" | "refuse" | "reset" | "half-open" }
  | { readonly type: "cut"; readonly bytes: number; readonly towards: "client" | "server" };

/** The fault comes at a time in milliseconds since the load began. */
export interface PlannedFault {
  readonly atMs: number;
  readonly forMs: number;
  readonly fault: Fault;
}

/** Describes a planned fault in one line. */
export function describeFault({ atMs, forMs, fault }: PlannedFault): string {
  const { kind, ...details } = fault;
  const values = Object.values(details).map((value) =>
    typeof value === "string" ? value : JSON.stringify(value),
  );
  const duration = forMs > 0 ? [`for ${(forMs / 1_000).toFixed(1)} s`] : [];
  return [`${(atMs / 1_000).toFixed(1).padStart(6)} s`, kind, ...values, ...duration].join(" ");
}
