import type { Pool } from "pg";
import { every } from "../../../shared/timing/every.ts";

export interface BudgetWatch {
  /** Observations that were made. */
  readonly looks: number;
  readonly differences: readonly string[];
  stop(): Promise<void>;
}

const LOOK_MS = 250;

/** Looks all the time whether a budget is overspent (I3 of docs/architecture.md). */
export function watchBudgets(pool: Pool, now: () => number): BudgetWatch {
  const differences = new Set<string>();
  let looks = 0;
  const look = async (): Promise<void> => {
    const { rows } = await pool.query<{ id: string; spent: string; limit_nanos: string }>(
      `select id, (settled_nanos + held_nanos)::text as spent, limit_nanos::text
       from budget_periods where settled_nanos + held_nanos > limit_nanos`,
    );
    looks += 1;
    for (const { id, spent, limit_nanos } of rows)
      differences.add(
        `budget period ${id} had ${spent} of ${limit_nanos} settled and held at ${Math.round(now())} ms`,
      );
  };
  // The server is away at times.
  const loop = every(LOOK_MS, look, () => undefined);
  return {
    get looks() {
      return looks;
    },
    get differences() {
      return [...differences];
    },
    stop: () => loop.stop(),
  };
}
