import { afterAll, beforeAll, expect, test } from "vitest";
import type { Pool } from "pg";
import { acceptMember, ledgerEntry } from "./members.ts";
import { seededDatabase, seedKey, type SeededDatabase } from "./seed.ts";

let seeded: SeededDatabase;
let pool: Pool;

beforeAll(async () => {
  seeded = await seededDatabase();
  ({ pool } = seeded.database);
  await seedKey(pool, "key_1", 1_000n);
  await seeded.database.accept.submit(acceptMember("job", "key_1", [400n]));
  await seeded.database.claim.submit({
    job: "job",
    place: 0,
    provider: "gpu-a",
    nonce: "n",
    worker: "w",
  });
  await seeded.database.settle.submit({
    job: "job",
    fence: 1,
    state: "done",
    ...ledgerEntry("ok", 300n),
  });
});

afterAll(() => seeded.close());

test.each([
  ["an update", "update ledger set cost_nanos = 0"],
  ["an update that changes nothing", "update ledger set cost_nanos = cost_nanos where false"],
  ["a delete", "delete from ledger"],
  ["a truncate", "truncate ledger"],
])("the ledger refuses %s", async (_what, statement) => {
  await expect(pool.query(statement)).rejects.toThrow("the ledger is append-only");
  const { rows } = await pool.query("select cost_nanos from ledger");
  expect(rows).toEqual([{ cost_nanos: 300n }]);
});

test("an attempt has one ledger row", async () => {
  await expect(
    pool.query(
      `insert into ledger (job_id, attempt, key_id, provider, location, endpoint, model,
         upstream_model, status, cost_nanos, queue_ms, total_ms)
       select job_id, attempt, key_id, provider, location, endpoint, model, upstream_model, status,
         cost_nanos, queue_ms, total_ms from ledger`,
    ),
  ).rejects.toMatchObject({ code: "23505" });
});

test.each([
  ["held", "update budget_periods set held_nanos = held_nanos + 701"],
  ["settled", "update budget_periods set settled_nanos = settled_nanos + 701"],
])("a budget period refuses to have more %s than the limit leaves", async (_what, statement) => {
  await expect(pool.query(statement)).rejects.toMatchObject({ code: "23514" });
});

test("a budget period takes exactly what the limit leaves", async () => {
  await pool.query("begin");
  await pool.query("update budget_periods set held_nanos = held_nanos + 700");
  await pool.query("update budget_periods set held_nanos = held_nanos - 700");
  await pool.query("rollback");
});

test("a limit may fall below what is spent; then less may be spent, and not more", async () => {
  await pool.query("update budget_periods set limit_nanos = 100");
  await pool.query("update budget_periods set settled_nanos = settled_nanos - 1");
  await expect(
    pool.query("update budget_periods set settled_nanos = settled_nanos + 1"),
  ).rejects.toMatchObject({ code: "23514" });
  await pool.query("update budget_periods set limit_nanos = 1000");
  await pool.query("update budget_periods set settled_nanos = settled_nanos + 1");
});

test("nothing below zero can be held or settled", async () => {
  for (const column of ["held_nanos", "settled_nanos"])
    await expect(pool.query(`update budget_periods set ${column} = -1`)).rejects.toMatchObject({
      code: "23514",
    });
});

test("an ended job cannot keep a hold", async () => {
  await expect(pool.query("update jobs set hold_nanos = 1 where id = 'job'")).rejects.toMatchObject(
    {
      code: "23514",
    },
  );
});
