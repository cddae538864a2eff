import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase, type Database } from "../../shared/db/database.ts";
import { sweepStatements } from "../../shared/db/sweep.ts";
import { acceptMember, attemptFacts, providers } from "./members.ts";
import { seededDatabase, seedKey, type SeededDatabase } from "./seed.ts";

const POOLS = 4;
const JOBS = 600;
const KEYS = ["key_a", "key_b", "key_c"];

let seeded: SeededDatabase;
let databases: Database[];

beforeEach(async () => {
  seeded = await seededDatabase(1_000);
  databases = Array.from({ length: POOLS }, () =>
    openDatabase({
      connectionString: seeded.test.url,
      maxConnections: 6,
      applicationName: "test",
      onIdleError: () => undefined,
    }),
  );
  for (const key of KEYS) await seedKey(seeded.database.pool, key, 1_000_000n);
});

afterEach(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await seeded.close();
});

/** One job's life, each step by another process. */
async function live(index: number): Promise<void> {
  const at = (step: number): Database => {
    const database = databases[(index + step) % POOLS];
    if (database === undefined) throw new Error("no database");
    return database;
  };
  const job = `job_${randomUUID()}`;
  const holds = [100n, 200n, 300n];
  await at(0).accept.submit(acceptMember(job, KEYS[index % KEYS.length] ?? "", holds));
  for (let place = 0; place < 3; place++) {
    if (index % 7 === place)
      void at(3).end.submit({ job, place: null, state: "cancelled", code: "x" });
    const claim = await at(1).claim.submit({
      job,
      place,
      provider: providers[place] ?? "",
      nonce: randomUUID(),
      worker: `worker_${index % 5}`,
    });
    if (claim.verdict !== "claimed") return;
    const { fence } = claim;
    if (place === 2 || index % 5 === place) {
      await at(2).settle.submit({ job, fence, state: "done", ...attemptFacts("ok", 20n) });
      return;
    }
    await at(2).move.submit({
      job,
      place,
      fence,
      target: place + 1,
      delay_ms: 0,
      check_ms: 60_000,
      ...attemptFacts("failed", 10n),
    });
  }
}

/** Sweeps as several workers do, until aborted; resolves with the errors that came through. */
async function sweepMeanwhile(signal: AbortSignal): Promise<unknown[]> {
  const errors: unknown[] = [];
  await Promise.all(
    databases.map(async ({ pool }, index) => {
      const statements = sweepStatements(pool);
      while (!signal.aborted) {
        await Promise.all([
          statements.due(50),
          statements.closeLost(`worker_${index}`, [], 0, 3),
          statements.overflowNow("gpu-a", ["gpu-b"]),
          statements.reroute("gpu-a", ["gpu-b"], 3, 60_000),
          statements.overflow("cloud", 60_000),
          statements.endOrphans("nobody"),
        ]).catch((error: unknown) => errors.push(error));
      }
    }),
  );
  return errors;
}

test("mixed load over three keys: no deadlock surfaces, nothing is lost, the books balance", async () => {
  const done = new AbortController();
  const sweeping = sweepMeanwhile(done.signal);
  const width = 60;
  for (let start = 0; start < JOBS; start += width)
    await Promise.all(Array.from({ length: width }, (_, index) => live(start + index)));
  done.abort();
  const errors = await sweeping;
  const codes = errors.map((error) => (error as { code?: string }).code ?? String(error));
  // A sweep that met a locked row gives up and comes again; anything else is a fault.
  expect(codes.filter((code) => code !== "55P03")).toEqual([]);

  const { pool } = seeded.database;
  const { rows: stats } = await pool.query<{ deadlocks: bigint }>(
    "select deadlocks from pg_stat_database where datname = current_database()",
  );
  expect(stats).toEqual([{ deadlocks: 0n }]);
  const { rows: wrong } = await pool.query(
    `select p.id from budget_periods p
     where p.held_nanos <> coalesce((select sum(hold_nanos) from jobs where p.id = any (period_ids)), 0)
        or p.settled_nanos <> coalesce((select sum(l.cost_nanos) from ledger l join jobs j on j.id = l.job_id
                                        where p.id = any (j.period_ids)), 0)`,
  );
  expect(wrong).toEqual([]);
  const { rows: odd } = await pool.query(
    `select j.id, j.state from jobs j
     where (j.state = 'running') <> exists (select from attempts a where a.job_id = j.id)
        or (select count(*) from ledger l where l.job_id = j.id)
           + (select count(*) from attempts a where a.job_id = j.id) <> j.fence`,
  );
  expect(odd).toEqual([]);
  const { rows: jobs } = await pool.query("select from jobs");
  expect(jobs).toHaveLength(JOBS);
});
