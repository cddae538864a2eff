export type Location = "local" | "cloud";
export type Residency = "local" | "any";

/**
 * One target of a job's route. It is frozen at accept: later changes of prices or routes do not
 * affect a running job. Amounts are decimal strings of nano-USD, since the plan is stored as JSON.
 */
export interface PlannedTarget {
  readonly provider: string;
  readonly location: Location;
  readonly role: "serve" | "overflow";
  /** The model name that the provider knows. */
  readonly model: string;
  readonly contextLength?: number;
  readonly inputNanosPerMillion: string;
  readonly outputNanosPerMillion: string;
  /** The most that one attempt at this target can cost. */
  readonly holdNanos: string;
}

/**
 * The targets in order of preference: `serve` targets first, then `overflow` targets. Jobs refer to
 * them by index.
 */
export type Plan = readonly PlannedTarget[];
