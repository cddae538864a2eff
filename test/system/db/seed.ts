import { createHash } from "node:crypto";
import type { Pool } from "pg";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { syncProviders } from "../../../shared/providers/sync-providers.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { providers } from "./members.ts";

export interface SeededDatabase {
  readonly database: Database;
  readonly test: TestDatabase;
  close(): Promise<void>;
}

/** The database is migrated, and has the three providers. */
export async function seededDatabase(slots = 4): Promise<SeededDatabase> {
  const test = await createTestDatabase();
  const database = openDatabase({
    connectionString: test.url,
    maxConnections: 10,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  await syncProviders(
    database.pool,
    providers.map((name) => ({ name, location: name === "cloud" ? "cloud" : "local", slots })),
  );
  return {
    database,
    test,
    async close() {
      await database.close();
      await test.drop();
    },
  };
}

/** The budget is over all time; without a limit there is none. */
export async function seedKey(pool: Pool, id: string, limitNanos: bigint | null): Promise<void> {
  await pool.query("insert into keys (id, hash, hint, name) values ($1, $2, 'hint', $1)", [
    id,
    createHash("sha256").update(id).digest(),
  ]);
  if (limitNanos === null) return;
  await pool.query("insert into budgets (key_id, limit_nanos, period) values ($1, $2, 'total')", [
    id,
    limitNanos,
  ]);
  await pool.query("select open_budget_periods()");
}
