import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { seededDatabase, type SeededDatabase } from "./seed.ts";

/** Each pool stands for a process; all use one database. */
export interface FourPools {
  readonly seeded: SeededDatabase;
  readonly databases: readonly Database[];
  /** The index counts round the processes. */
  at(index: number): Database;
  /** Sums are by budget period. */
  money(): Promise<{ settled: bigint; held: bigint }[]>;
  /** Fails unless ledger, jobs and budgets agree. */
  expectBalanced(): Promise<void>;
  close(): Promise<void>;
}

export async function openFourPools(): Promise<FourPools> {
  const seeded = await seededDatabase(1_000);
  // The timeout is far below the pools' lock timeout, which would hide every deadlock.
  await seeded.database.pool.query(
    `do $$ begin
       execute format('alter database %I set deadlock_timeout = %L', current_database(), '10ms');
     end $$`,
  );
  const databases = Array.from({ length: 4 }, () =>
    openDatabase({
      connectionString: seeded.test.url,
      maxConnections: 5,
      applicationName: "test",
      onIdleError: () => undefined,
    }),
  );
  return {
    seeded,
    databases,
    at(index) {
      const database = databases[index % databases.length];
      if (database === undefined) throw new Error("no database");
      return database;
    },
    async money() {
      const { rows } = await seeded.database.pool.query<{ settled: bigint; held: bigint }>(
        "select settled_nanos as settled, held_nanos as held from budget_periods order by id",
      );
      return rows;
    },
    async expectBalanced() {
      const { rows } = await seeded.database.pool.query<Record<string, bigint>>(
        `select p.id, p.settled_nanos, p.held_nanos,
           coalesce((select sum(j.cost_nanos) from jobs j
                     where p.id = any (j.period_ids)), 0)::bigint as cost,
           coalesce((select sum(j.hold_nanos) from jobs j
                     where p.id = any (j.period_ids)), 0)::bigint as hold,
           coalesce((select sum(l.cost_nanos) from ledger l join jobs j on j.id = l.job_id
                     where p.id = any (j.period_ids)), 0)::bigint as ledger
         from budget_periods p order by p.id`,
      );
      for (const row of rows) {
        expect(row["settled_nanos"]).toBe(row["cost"]);
        expect(row["settled_nanos"]).toBe(row["ledger"]);
        expect(row["held_nanos"]).toBe(row["hold"]);
      }
    },
    async close() {
      await Promise.all(databases.map((database) => database.close()));
      await seeded.close();
    },
  };
}

/** Each claim has a nonce of its own. */
export function claimMember(job: string, place = 0, provider = "gpu-a") {
  return { job, place, provider, nonce: randomUUID(), worker: "worker_test" };
}
