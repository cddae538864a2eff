import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

/**
 * Opens the current and the next period of every budget, so that no hold waits for a new period.
 */
export async function openBudgetPeriods(pool: Query): Promise<void> {
  await pool.query(statement("open_budget_periods", "select open_budget_periods()"));
}

interface PeriodSums {
  readonly heldNanos: bigint;
  readonly settledNanos: bigint;
}

/** Sums the current periods of all budgets. */
export async function sumBudgetPeriods(pool: Query): Promise<PeriodSums> {
  // The sums are cast, because sums of bigint are numeric and would come as strings.
  const { rows } = await pool.query<{ held: bigint; settled: bigint }>(
    statement(
      "sum_budget_periods",
      `select coalesce(sum(p.held_nanos), 0)::bigint as held,
         coalesce(sum(p.settled_nanos), 0)::bigint as settled
       from budget_periods p
       join budgets b on b.id = p.budget_id and b.period = p.period and b.removed_at is null
       where p.starts_at <= now() and now() < p.ends_at`,
    ),
  );
  return { heldNanos: rows[0]?.held ?? 0n, settledNanos: rows[0]?.settled ?? 0n };
}
