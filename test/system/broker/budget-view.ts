import { expect } from "vitest";
import type { TestBroker } from "../../support/broker.ts";

/** The admin API shows a key's money in this form. */
export interface BudgetView {
  readonly limit_usd: string;
  readonly period: string;
  readonly settled_usd: string;
  readonly held_usd: string;
  readonly resets_at: string | null;
}

export async function budgetOf(broker: TestBroker, keyId: string): Promise<BudgetView> {
  const { budget } = await broker.admin<{ budget: BudgetView }>("GET", `/admin/keys/${keyId}`);
  return budget;
}

/** Sums a key's ledger rows and their cost by status. */
export async function ledgerOf(
  broker: TestBroker,
  keyId: string,
): Promise<Record<string, { readonly rows: number; readonly nanos: bigint }>> {
  const { rows } = await broker.database.pool.query<{
    status: string;
    rows: number;
    nanos: bigint;
  }>(
    `select status, count(*)::integer as rows, sum(cost_nanos)::bigint as nanos
     from ledger where key_id = $1 group by status`,
    [keyId],
  );
  return Object.fromEntries(
    rows.map(({ status, rows: count, nanos }) => [status, { rows: count, nanos }]),
  );
}

/** Nothing runs, waits or is held in the whole broker. */
export async function expectNothingOpen(broker: TestBroker): Promise<void> {
  const { rows } = await broker.database.pool.query(
    `select (select count(*)::integer from jobs where state in ('waiting', 'running')) as jobs,
       (select count(*)::integer from attempts) as attempts,
       (select coalesce(sum(held_nanos), 0)::text from budget_periods) as held,
       (select coalesce(sum(hold_nanos), 0)::text from jobs) as holds`,
  );
  expect(rows).toEqual([{ jobs: 0, attempts: 0, held: "0", holds: "0" }]);
}

/** No job was ever admitted, and no simulated upstream was called. */
export async function expectUntouched(broker: TestBroker): Promise<void> {
  await expectNothingOpen(broker);
  const { rows } = await broker.database.pool.query("select id from jobs");
  expect(rows).toEqual([]);
  for (const upstream of Object.values(broker.upstreams)) expect(upstream.counters().calls).toBe(0);
}
