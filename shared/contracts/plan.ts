export type Location = "local" | "cloud";
export type Residency = "local" | "any";

/**
 * One target of a job's route as frozen at accept: later changes of prices or routes do not
 * touch a job that is under way. Amounts are decimal strings of nano-USD, since the plan is
 * stored as JSON.
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

/** Targets in order of preference: `serve` first, then `overflow`. Jobs name them by index. */
export type Plan = readonly PlannedTarget[];
