import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { claimMember, openFourPools, type FourPools } from "./four-pools.ts";
import { acceptMember, ledgerEntry } from "./members.ts";
import { seedKey } from "./seed.ts";

let pools: FourPools;
beforeEach(async () => {
  pools = await openFourPools();
});
afterEach(() => pools.close());

/** The job runs; the result is the move of its failed attempt, which cost 40. */
async function running(limit: bigint, holds: readonly bigint[]) {
  await seedKey(pools.seeded.database.pool, "key_1", limit);
  await pools.at(0).accept.submit(acceptMember("job", "key_1", holds));
  await pools.at(0).claim.submit(claimMember("job"));
  return {
    job: "job",
    place: 0,
    fence: 1,
    target: 1,
    delay_ms: 0,
    check_ms: 60_000,
    ...ledgerEntry("failed", 40n),
  };
}

describe("moves", () => {
  test("hold the next target's worst case beside what the failed attempt cost", async () => {
    const move = await running(1_000n, [100n, 700n]);
    expect(await pools.at(0).move.submit(move)).toMatchObject({ verdict: "moved", place: 1 });
    expect(await pools.money()).toEqual([{ settled: 40n, held: 700n }]);
  });

  test("may use the last nano-dollar", async () => {
    const move = await running(740n, [100n, 700n]);
    expect(await pools.at(0).move.submit(move)).toMatchObject({ verdict: "moved" });
    expect(await pools.money()).toEqual([{ settled: 40n, held: 700n }]);
  });

  test("end the job when the budget does not cover them, and release its hold", async () => {
    const move = await running(739n, [100n, 700n]);
    expect(await pools.at(0).move.submit(move)).toMatchObject({
      verdict: "budget",
      state: "failed",
    });
    expect(await pools.money()).toEqual([{ settled: 40n, held: 0n }]);
    const { rows } = await pools.seeded.database.pool.query("select state, error_code from jobs");
    expect(rows).toEqual([{ state: "failed", error_code: "insufficient_quota" }]);
  });

  test("100 at once on a budget with room for two: two move, the rest ends", async () => {
    await seedKey(pools.seeded.database.pool, "key_1", 11_200n);
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const job = `job_${index}`;
        await pools.at(index).accept.submit(acceptMember(job, "key_1", [100n, 500n]));
        await pools.at(index).claim.submit(claimMember(job));
      }),
    );
    const rows = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        pools.at(index).move.submit({
          job: `job_${index}`,
          place: 0,
          fence: 1,
          target: 1,
          delay_ms: 0,
          check_ms: 60_000,
          // The cost is the whole hold, so that an end frees nothing for other jobs.
          ...ledgerEntry("failed", 100n),
        }),
      ),
    );
    // 1,200 are left; each move needs 500 more.
    expect(rows.filter(({ verdict }) => verdict === "moved")).toHaveLength(2);
    expect(rows.filter(({ verdict }) => verdict === "budget")).toHaveLength(98);
    expect(await pools.money()).toEqual([{ settled: 10_000n, held: 1_000n }]);
    await pools.expectBalanced();
  });
});
