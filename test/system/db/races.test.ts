import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { claimMember, openFourPools, type FourPools } from "./four-pools.ts";
import { acceptMember, ledgerEntry } from "./members.ts";
import { seedKey } from "./seed.ts";

let pools: FourPools;
beforeEach(async () => {
  pools = await openFourPools();
});
afterEach(() => pools.close());

describe("races", () => {
  beforeEach(() => seedKey(pools.seeded.database.pool, "key_1", 1_000_000n));

  test("100 settles of one attempt at once post once, and all read the same state", async () => {
    await pools.at(0).accept.submit(acceptMember("job", "key_1", [100n]));
    await pools.at(0).claim.submit(claimMember("job"));
    const rows = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        pools.at(index).settle.submit({
          job: "job",
          fence: 1,
          state: "done",
          ...ledgerEntry("ok", BigInt(index % 50)),
        }),
      ),
    );
    expect(rows.filter(({ verdict }) => verdict === "settled")).toHaveLength(1);
    expect(rows.filter(({ verdict }) => verdict === "already")).toHaveLength(99);
    expect(new Set(rows.map(({ cost_nanos }) => cost_nanos)).size).toBe(1);
    expect(
      rows.every(({ state, ledger_status }) => state === "done" && ledger_status === "ok"),
    ).toBe(true);
    expect(await pools.money()).toEqual([{ settled: rows[0]?.cost_nanos, held: 0n }]);
    await pools.expectBalanced();
  });

  test("20 workers claim one job: one wins, one attempt stands", async () => {
    for (let round = 0; round < 20; round++) {
      const job = `job_${round}`;
      await pools.at(0).accept.submit(acceptMember(job, "key_1", [100n]));
      const rows = await Promise.all(
        Array.from({ length: 20 }, (_, index) => pools.at(index).claim.submit(claimMember(job))),
      );
      expect(rows.filter(({ verdict }) => verdict === "claimed")).toHaveLength(1);
      expect(rows.filter(({ verdict }) => verdict === "gone")).toHaveLength(19);
    }
    const { rows } = await pools.seeded.database.pool.query("select from attempts");
    expect(rows).toHaveLength(20);
  });

  test("200 times settle against cancel: one outcome, the one that both are told", async () => {
    const seen = { done: 0, cancelled: 0 };
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const job = `job_${index}`;
        await pools.at(index).accept.submit(acceptMember(job, "key_1", [100n]));
        const cancel = () =>
          pools.at(index + 1).end.submit({ job, place: null, state: "cancelled", code: "test" });
        const run = async () => {
          const claim = await pools.at(index).claim.submit(claimMember(job));
          if (claim.verdict !== "claimed") return null;
          return await pools.at(index).settle.submit({
            job,
            fence: 1,
            state: "done",
            ...ledgerEntry("ok", 10n),
          });
        };
        const [settled, ended] = await Promise.all([run(), cancel()]);
        const { rows } = await pools.seeded.database.pool.query<{ state: "done" | "cancelled" }>(
          "select state from jobs where id = $1",
          [job],
        );
        const state = rows[0]?.state;
        if (state === undefined) throw new Error("no job");
        seen[state]++;
        if (settled === null) expect([state, ended.verdict]).toEqual(["cancelled", "ended"]);
        else {
          expect([state, settled.verdict, settled.state]).toEqual(["done", "settled", "done"]);
          expect(["running", "already"]).toContain(ended.verdict);
          if (ended.verdict === "already") expect(ended.state).toBe("done");
        }
      }),
    );
    expect(seen.done + seen.cancelled).toBe(200);
    expect(await pools.money()).toEqual([{ settled: 10n * BigInt(seen.done), held: 0n }]);
    await pools.expectBalanced();
  });

  test("200 times claim against a move of the same waiting job: either runs or moved, never both", async () => {
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const job = `job_${index}`;
        await pools.at(index).accept.submit(acceptMember(job, "key_1", [100n, 50n]));
        const [claim, move] = await Promise.all([
          pools.at(index).claim.submit(claimMember(job)),
          pools.at(index + 1).move.submit({
            job,
            place: 0,
            fence: null,
            target: 1,
            delay_ms: 0,
            check_ms: 60_000,
          }),
        ]);
        expect([claim.verdict, move.verdict].toSorted()).toEqual(
          claim.verdict === "claimed" ? ["claimed", "gone"] : ["gone", "moved"],
        );
      }),
    );
    await pools.expectBalanced();
  });
});
