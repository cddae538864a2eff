import { escapeLiteral, type Pool } from "pg";
import type { Counters, RequestCounters } from "../../cli/simulate/counters.ts";
import { ACCEPTED_JOB_RULES } from "./accepted-records.ts";
import { BATCH_RULES } from "./batch-records.ts";
import type { TestBroker } from "./broker.ts";

interface LedgerRow {
  readonly id: string;
  readonly provider: string;
  readonly status: "ok" | "failed" | "cancelled" | "unknown" | "not_sent";
  readonly cost_nanos: string;
  readonly ttft_ms: number | null;
}

/**
 * Compares the database of a broker at rest with its simulated upstreams' counters (I4 and I6 of
 * docs/architecture.md), and looks for anything that should be gone: open attempts, unended jobs,
 * holds. For accepted jobs it also checks what must be kept and notified. Returns one line for each
 * difference. Simulators must not have been reset since the broker's start.
 */
export async function findDifferences(
  broker: Pick<TestBroker, "database" | "upstreams">,
): Promise<string[]> {
  const { pool } = broker.database;
  const upstreams = Object.entries(broker.upstreams).map(
    ([name, simulator]) => [name, simulator.counters()] as const,
  );
  const { rows: ledger } = await pool.query<LedgerRow>(
    `select job_id || '.' || attempt as id, provider, status, cost_nanos::text, ttft_ms from ledger`,
  );
  return [
    ...upstreams.flatMap(([name, counters]) => callsWithoutRow(name, counters, ledger)),
    ...ledger.flatMap((row) => rowProblems(row, new Map(upstreams))),
    ...(await slotProblems(pool, new Map(upstreams))),
    ...(await recordProblems(pool)),
  ];
}

function callsWithoutRow(
  provider: string,
  { requests, callsWithoutId, forgottenRequests, bytesAfterAbort, inFlight }: Counters,
  ledger: readonly LedgerRow[],
): string[] {
  const rows = new Set(ledger.filter((row) => row.provider === provider).map((row) => row.id));
  return [
    ...Object.keys(requests)
      .filter((id) => !rows.has(id))
      .map((id) => `${provider} saw ${id}, which has no ledger row there`),
    ...Object.entries(requests)
      .filter(([, { calls }]) => calls > 1)
      .map(([id, { calls }]) => `${provider} saw ${id} ${calls} times`),
    ...Object.entries({ callsWithoutId, forgottenRequests, bytesAfterAbort, inFlight })
      .filter(([, count]) => count > 0)
      .map(([what, count]) => `${provider}: ${what} is ${count}`),
  ];
}

function rowProblems(row: LedgerRow, upstreams: ReadonlyMap<string, Counters>): string[] {
  const about = `ledger row ${row.id} (${row.status} at ${row.provider})`;
  const upstream = upstreams.get(row.provider);
  const call = upstream?.requests[row.id];
  const problems: string[] = [];
  if (upstream !== undefined && call === undefined && needsCall(row))
    problems.push(`${about}: the upstream saw no such call`);
  if (call !== undefined && contradicts(row, call))
    problems.push(`${about}: the upstream saw it otherwise: ${JSON.stringify(call)}`);
  const free = row.status === "unknown" || row.status === "not_sent";
  if (free && row.cost_nanos !== "0") problems.push(`${about}: costs ${row.cost_nanos}`);
  return problems;
}

/** A time to the first byte proves that response headers arrived. */
function needsCall({ status, ttft_ms }: LedgerRow): boolean {
  return status === "ok" || ((status === "failed" || status === "cancelled") && ttft_ms !== null);
}

function contradicts({ status }: LedgerRow, { ok, headersSent }: RequestCounters): boolean {
  if (status === "not_sent") return true;
  if (status === "ok") return !headersSent;
  // A complete answer may be thrown away only because its caller had left.
  return status === "failed" && ok && headersSent;
}

async function slotProblems(
  pool: Pool,
  upstreams: ReadonlyMap<string, Counters>,
): Promise<string[]> {
  const { rows } = await pool.query<{ name: string; slots: number }>(
    "select name, slots from providers",
  );
  return rows.flatMap(({ name, slots }) => {
    const highWater = upstreams.get(name)?.highWater ?? 0;
    return highWater > slots ? [`${name}: ${highWater} in flight with ${slots} slots`] : [];
  });
}

/** Rules for the database alone; each query returns the rows that break one. */
const RECORD_RULES: Readonly<Record<string, string>> = {
  "an open attempt": "select job_id || '.' || fence as what from attempts",
  "a job that has not ended":
    "select id || ' ' || state as what from jobs where state in ('waiting', 'running')",
  "an ended job with a hold":
    "select id as what from jobs where state not in ('waiting', 'running') and hold_nanos <> 0",
  "a retry that is still counted": "select id as what from jobs where retrying",
  "a budget period with a hold":
    "select id || ' holds ' || held_nanos as what from budget_periods where held_nanos <> 0",
  "a budget that disagrees with the ledger": `
    select b.key_id || ' settled ' || p.settled || ', ledger ' || l.cost as what
    from budgets b
    cross join lateral (select coalesce(sum(settled_nanos), 0) as settled
      from budget_periods where budget_id = b.id) as p
    cross join lateral (select coalesce(sum(cost_nanos), 0) as cost
      from ledger where key_id = b.key_id) as l
    where p.settled <> l.cost`,
  "a job that disagrees with the ledger": `
    select j.id || ' ' || j.state || ': fence ' || j.fence || ', tries ' || j.tries || ', cost '
      || j.cost_nanos || '; ledger: ' || l.rows || ', ' || l.sent || ', ' || l.cost as what
    from jobs j
    cross join lateral (select count(*) as rows, count(*) filter (where status <> 'not_sent') as sent,
      count(*) filter (where status = 'ok') as ok, coalesce(sum(cost_nanos), 0) as cost
      from ledger where job_id = j.id) as l
    where l.rows <> j.fence or l.sent < j.tries or l.cost <> j.cost_nanos
      or l.ok <> (j.state = 'done')::integer`,
};

/** All queries are one statement, because tests that wait for rest run it again and again. */
const ALL_RULES = Object.entries({ ...RECORD_RULES, ...ACCEPTED_JOB_RULES, ...BATCH_RULES })
  .map(([about, query]) => `select ${escapeLiteral(about)} as about, f.what from (${query}) as f`)
  .join("\nunion all\n");

async function recordProblems(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ about: string; what: string }>(ALL_RULES);
  return rows.map(({ about, what }) => `${about}: ${what}`);
}
