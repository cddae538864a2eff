import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase, type Database } from "../../shared/db/database.ts";
import { acceptMember, attemptFacts } from "./members.ts";
import { seededDatabase, seedKey, type SeededDatabase } from "./seed.ts";

/** Four processes' worth of pools on one database. */
const POOLS = 4;
let seeded: SeededDatabase;
let databases: Database[];

beforeEach(async () => {
  seeded = await seededDatabase(1_000);
  databases = Array.from({ length: POOLS }, () =>
    openDatabase({
      connectionString: seeded.test.url,
      maxConnections: 5,
      applicationName: "test",
      onIdleError: () => undefined,
    }),
  );
});

afterEach(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await seeded.close();
});

function at(index: number): Database {
  const database = databases[index % POOLS];
  if (database === undefined) throw new Error("no database");
  return database;
}

function claimMember(job: string, place = 0, provider = "gpu-a") {
  return { job, place, provider, nonce: randomUUID(), worker: "worker_test" };
}

async function money() {
  const { rows } = await seeded.database.pool.query(
    "select settled_nanos as settled, held_nanos as held from budget_periods order by id",
  );
  return rows as { settled: bigint; held: bigint }[];
}

/** Ledger, jobs and budgets tell one story. */
async function expectBalanced(): Promise<void> {
  const { rows } = await seeded.database.pool.query(
    `select p.id, p.settled_nanos, p.held_nanos,
       coalesce((select sum(j.cost_nanos) from jobs j where p.id = any (j.period_ids)), 0)::bigint as cost,
       coalesce((select sum(j.hold_nanos) from jobs j where p.id = any (j.period_ids)), 0)::bigint as hold,
       coalesce((select sum(l.cost_nanos) from ledger l join jobs j on j.id = l.job_id
                 where p.id = any (j.period_ids)), 0)::bigint as ledger
     from budget_periods p order by p.id`,
  );
  for (const row of rows as Record<string, bigint>[]) {
    expect(row["settled_nanos"]).toBe(row["cost"]);
    expect(row["settled_nanos"]).toBe(row["ledger"]);
    expect(row["held_nanos"]).toBe(row["hold"]);
  }
}

/** A running job; the move of its failed attempt, which cost 40. */
async function running(limit: bigint, holds: readonly bigint[]) {
  await seedKey(seeded.database.pool, "key_1", limit);
  await at(0).accept.submit(acceptMember("job", "key_1", holds));
  await at(0).claim.submit(claimMember("job"));
  return {
    job: "job",
    place: 0,
    fence: 1,
    target: 1,
    delay_ms: 0,
    check_ms: 60_000,
    ...attemptFacts("failed", 40n),
  };
}

describe("accept", () => {
  test("500 at once on a budget for 10, over four pools: exactly 10", async () => {
    await seedKey(seeded.database.pool, "key_1", 1_000n);
    const rows = await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        at(index).accept.submit(acceptMember(`job_${index}`, "key_1", [100n])),
      ),
    );
    expect(rows.filter(({ verdict }) => verdict === "accepted")).toHaveLength(10);
    const refused = rows.filter(({ verdict }) => verdict === "budget");
    expect(refused).toHaveLength(490);
    expect(refused.every((row) => row.limit_nanos === 1_000n && row.free_nanos !== null)).toBe(
      true,
    );
    expect(await money()).toEqual([{ settled: 0n, held: 1_000n }]);
  });

  test("first-fit: a small job passes where a large one was refused", async () => {
    await seedKey(seeded.database.pool, "key_1", 1_000n);
    const verdicts = await Promise.all(
      [600n, 600n, 400n, 1n].map(async (hold, index) => {
        const row = await at(0).accept.submit(acceptMember(`job_${index}`, "key_1", [hold]));
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
    const { pool } = seeded.database;
    for (const key of ["good", "revoked", "expired"]) await seedKey(pool, key, 1_000n);
    await pool.query("update keys set revoked_at = now() where id = 'revoked'");
    await pool.query("update keys set expires_at = now() where id = 'expired'");
    const rows = await Promise.all(
      ["good", "revoked", "expired", "unknown", "good"].map((key, index) =>
        at(0).accept.submit(acceptMember(`job_${index}`, key, [100n])),
      ),
    );
    expect(rows.map(({ verdict }) => verdict)).toEqual([
      "accepted",
      "key",
      "key",
      "key",
      "accepted",
    ]);
    expect((await money()).map(({ held }) => held)).toEqual([200n, 0n, 0n]);
  });
});

describe("races", () => {
  beforeEach(() => seedKey(seeded.database.pool, "key_1", 1_000_000n));

  test("100 settles of one attempt at once post once, and all read the same state", async () => {
    await at(0).accept.submit(acceptMember("job", "key_1", [100n]));
    await at(0).claim.submit(claimMember("job"));
    const rows = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        at(index).settle.submit({
          job: "job",
          fence: 1,
          state: "done",
          ...attemptFacts("ok", BigInt(index % 50)),
        }),
      ),
    );
    expect(rows.filter(({ verdict }) => verdict === "settled")).toHaveLength(1);
    expect(rows.filter(({ verdict }) => verdict === "already")).toHaveLength(99);
    expect(new Set(rows.map(({ cost_nanos }) => cost_nanos)).size).toBe(1);
    expect(
      rows.every(({ state, ledger_status }) => state === "done" && ledger_status === "ok"),
    ).toBe(true);
    expect(await money()).toEqual([{ settled: rows[0]?.cost_nanos, held: 0n }]);
    await expectBalanced();
  });

  test("20 workers claim one job: one wins, one attempt stands", async () => {
    for (let round = 0; round < 20; round++) {
      const job = `job_${round}`;
      await at(0).accept.submit(acceptMember(job, "key_1", [100n]));
      const rows = await Promise.all(
        Array.from({ length: 20 }, (_, index) => at(index).claim.submit(claimMember(job))),
      );
      expect(rows.filter(({ verdict }) => verdict === "claimed")).toHaveLength(1);
      expect(rows.filter(({ verdict }) => verdict === "gone")).toHaveLength(19);
    }
    const { rows } = await seeded.database.pool.query("select from attempts");
    expect(rows).toHaveLength(20);
  });

  test("200 times settle against cancel: one outcome, the one that both are told", async () => {
    const seen = { done: 0, cancelled: 0 };
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const job = `job_${index}`;
        await at(index).accept.submit(acceptMember(job, "key_1", [100n]));
        const cancel = () =>
          at(index + 1).end.submit({ job, place: null, state: "cancelled", code: "test" });
        const run = async () => {
          const claim = await at(index).claim.submit(claimMember(job));
          if (claim.verdict !== "claimed") return null;
          return await at(index).settle.submit({
            job,
            fence: 1,
            state: "done",
            ...attemptFacts("ok", 10n),
          });
        };
        const [settled, ended] = await Promise.all([run(), cancel()]);
        const { rows } = await seeded.database.pool.query<{ state: "done" | "cancelled" }>(
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
    expect(await money()).toEqual([{ settled: 10n * BigInt(seen.done), held: 0n }]);
    await expectBalanced();
  });

  test("200 times claim against a move of the same waiting job: either runs or moved, never both", async () => {
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const job = `job_${index}`;
        await at(index).accept.submit(acceptMember(job, "key_1", [100n, 50n]));
        const [claim, move] = await Promise.all([
          at(index).claim.submit(claimMember(job)),
          at(index + 1).move.submit({
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
    await expectBalanced();
  });
});

describe("moves", () => {
  test("hold the next target's worst case beside what the failed attempt cost", async () => {
    const move = await running(1_000n, [100n, 700n]);
    expect(await at(0).move.submit(move)).toMatchObject({ verdict: "moved", place: 1 });
    expect(await money()).toEqual([{ settled: 40n, held: 700n }]);
  });

  test("may use the last nano-dollar", async () => {
    const move = await running(740n, [100n, 700n]);
    expect(await at(0).move.submit(move)).toMatchObject({ verdict: "moved" });
    expect(await money()).toEqual([{ settled: 40n, held: 700n }]);
  });

  test("end the job when the budget does not cover them, and release its hold", async () => {
    const move = await running(739n, [100n, 700n]);
    expect(await at(0).move.submit(move)).toMatchObject({ verdict: "budget", state: "failed" });
    expect(await money()).toEqual([{ settled: 40n, held: 0n }]);
    const { rows } = await seeded.database.pool.query("select state, error_code from jobs");
    expect(rows).toEqual([{ state: "failed", error_code: "insufficient_quota" }]);
  });

  test("100 at once on a budget with room for two: two move, the rest ends", async () => {
    await seedKey(seeded.database.pool, "key_1", 11_200n);
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const job = `job_${index}`;
        await at(index).accept.submit(acceptMember(job, "key_1", [100n, 500n]));
        await at(index).claim.submit(claimMember(job));
      }),
    );
    const rows = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        at(index).move.submit({
          job: `job_${index}`,
          place: 0,
          fence: 1,
          target: 1,
          delay_ms: 0,
          check_ms: 60_000,
          // Costs all that was held, so that ends free nothing for the others.
          ...attemptFacts("failed", 100n),
        }),
      ),
    );
    // 1,200 are left; each move needs 500 more.
    expect(rows.filter(({ verdict }) => verdict === "moved")).toHaveLength(2);
    expect(rows.filter(({ verdict }) => verdict === "budget")).toHaveLength(98);
    expect(await money()).toEqual([{ settled: 10_000n, held: 1_000n }]);
    await expectBalanced();
  });
});
