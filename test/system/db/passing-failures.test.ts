import type { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { failureRules, failureReasons } from "../../../shared/contracts/failure-reason.ts";
import { GuardedPool } from "../../../shared/postgres/guarded-pool.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new GuardedPool({ connectionString: database.url, max: 1 }, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function passes(code: string | null): Promise<boolean> {
  const { rows } = await pool.query<{ passes: boolean }>("select passes_with_time($1) as passes", [
    code,
  ]);
  return rows[0]?.passes === true;
}

test.each(failureReasons)(
  "the database says of %s what the workers' table says",
  async (reason) => {
    expect(await passes(reason)).toBe(failureRules[reason].passesWithTime);
  },
);

test("a worker's own end passes with time; what has no code, or an unknown one, does not", async () => {
  for (const own of ["lease_lost", "shutdown"]) expect(await passes(own)).toBe(true);
  for (const other of [null, "", "poison", "no_such_code"]) expect(await passes(other)).toBe(false);
});
