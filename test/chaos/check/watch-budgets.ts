import type { Pool } from "pg";
import { every } from "../../../shared/timing/every.ts";

export interface BudgetWatch {
  /** The number of observations. */
  readonly checks: number;
  readonly differences: readonly string[];
  stop(): Promise<void>;
}

const CHECK_MS = 250;

/** Checks again and again whether a budget is overspent (I3 of docs/architecture.md). */
export function watchBudgets(pool: Pool, now: () => number): BudgetWatch {
  const differences = new Set<string>();
  let looks = 0;
  const check = async (): Promise<void> => {
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
  // Errors are ignored because the server is away at times.
  const loop = every(CHECK_MS, check, () => undefined);
  return {
    get checks() {
      return looks;
    },
    get differences() {
      return [...differences];
    },
    stop: () => loop.stop(),
  };
}
