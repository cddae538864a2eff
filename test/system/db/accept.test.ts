import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openFourPools, type FourPools } from "./four-pools.ts";
import { acceptMember } from "./members.ts";
import { seedKey } from "./seed.ts";

let pools: FourPools;
beforeEach(async () => {
  pools = await openFourPools();
});
afterEach(() => pools.close());

describe("accept", () => {
  test("500 at once on a budget for 10, over four pools: exactly 10", async () => {
    await seedKey(pools.seeded.database.pool, "key_1", 1_000n);
    const rows = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        pools.at(index).accept.submit(acceptMember(`job_${index}`, "key_1", [100n])),
      ),
    );
    expect(rows.filter(({ verdict }) => verdict === "accepted")).toHaveLength(10);
    const refused = rows.filter(({ verdict }) => verdict === "budget");
    expect(refused).toHaveLength(490);
    expect(refused.every((row) => row.limit_nanos === 1_000n && row.free_nanos !== null)).toBe(
      true,
    );
    expect(await pools.money()).toEqual([{ settled: 0n, held: 1_000n }]);
  });

  test("the same without the table's own guard: the statement alone never overspends", async () => {
    const { pool } = pools.seeded.database;
    await pool.query("drop trigger budget_periods_never_overspent on budget_periods");
    await seedKey(pool, "key_1", 1_000n);
    const rows = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        pools.at(index).accept.submit(acceptMember(`job_${index}`, "key_1", [100n])),
      ),
    );
    expect(rows.filter(({ verdict }) => verdict === "accepted")).toHaveLength(10);
    expect(await pools.money()).toEqual([{ settled: 0n, held: 1_000n }]);
  });

  test("first-fit: a small job passes where a large one was refused", async () => {
    await seedKey(pools.seeded.database.pool, "key_1", 1_000n);
    const verdicts = await Promise.all(
      [600n, 600n, 400n, 1n].map(async (hold, index) => {
        const row = await pools.at(0).accept.submit(acceptMember(`job_${index}`, "key_1", [hold]));
        return [row.verdict, row.free_nanos];
      }),
    );
    expect(verdicts).toEqual([
      ["accepted", null],
      ["budget", 400n],
      ["accepted", null],
      ["budget", 0n],
    ]);
  });

  test("a revoked, an expired and an unknown key are refused beside good ones", async () => {
    const { pool } = pools.seeded.database;
    for (const key of ["good", "revoked", "expired"]) await seedKey(pool, key, 1_000n);
    await pool.query("update keys set revoked_at = now() where id = 'revoked'");
    await pool.query("update keys set expires_at = now() where id = 'expired'");
    const rows = await Promise.all(
      ["good", "revoked", "expired", "unknown", "good"].map((key, index) =>
        pools.at(0).accept.submit(acceptMember(`job_${index}`, key, [100n])),
      ),
    );
    expect(rows.map(({ verdict }) => verdict)).toEqual([
      "accepted",
      "key",
      "key",
      "key",
      "accepted",
    ]);
    expect((await pools.money()).map(({ held }) => held)).toEqual([200n, 0n, 0n]);
  });
});
