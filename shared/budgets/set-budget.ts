import type { PoolClient } from "pg";
import { BrokerError } from "../errors/broker-error.ts";
import type { BudgetPeriod } from "../keys/key-input.ts";
import { statement } from "../db/statement.ts";

export interface BudgetChange {
  /** In nano-dollars. */
  readonly limit_usd?: bigint | undefined;
  readonly period?: BudgetPeriod | undefined;
}

/**
 * Sets a key's budget, changes its limit or period, or removes it (null), inside the caller's
 * transaction. A limit may fall below what is already held and settled: that only stops new holds.
 * Throws `BrokerError` when the key has no budget yet and the change gives only a part of one.
 */
export async function setBudget(
  client: PoolClient,
  keyId: string,
  change: BudgetChange | null,
): Promise<void> {
  if (change === null) {
    await client.query(
      statement(
        "remove_budget",
        "update budgets set removed_at = now() where key_id = $1 and removed_at is null",
        [keyId],
      ),
    );
    return;
  }
  const { limit_usd: limitNanos, period } = change;
  const changed = await client.query(
    statement(
      "change_budget",
      `update budgets set limit_nanos = coalesce($2, limit_nanos), period = coalesce($3, period)
       where key_id = $1 and removed_at is null`,
      [keyId, limitNanos ?? null, period ?? null],
    ),
  );
  if (changed.rowCount === 0) {
    if (limitNanos === undefined) throw missing("budget.limit_usd");
    if (period === undefined) throw missing("budget.period");
    await client.query(
      statement(
        "create_budget",
        "insert into budgets (key_id, limit_nanos, period) values ($1, $2, $3)",
        [keyId, limitNanos, period],
      ),
    );
  }
  // Periods are opened before the limits are written. If another process opens a period with the
  // old limit meanwhile, this statement waits for it, and the update below finds the period.
  await client.query(
    statement(
      "open_key_periods",
      "select open_budget_periods(id) from budgets where key_id = $1 and removed_at is null",
      [keyId],
    ),
  );
  await client.query(
    statement(
      "change_period_limits",
      `with locked as (
         select p.id, b.limit_nanos from budgets b join budget_periods p on p.budget_id = b.id
         where b.key_id = $1 and b.removed_at is null and p.ends_at > now()
         order by p.id for update of p
       )
       update budget_periods p set limit_nanos = l.limit_nanos
       from locked l where p.id = l.id and p.limit_nanos <> l.limit_nanos`,
      [keyId],
    ),
  );
}

function missing(param: string): BrokerError {
  return new BrokerError("invalid_request", `${param}: required, the key has no budget yet`, {
    param,
  });
}
