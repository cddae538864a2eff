import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Sweeper } from "../../../workers/sweep/sweeper.ts";
import { queueEntry } from "../queue/queue-rig.ts";
import { startSweepRig, type SweepRig } from "./sweep-rig.ts";

let rig: SweepRig;
beforeAll(async () => {
  rig = await startSweepRig();
});
afterEach(() => rig.clear());
afterAll(() => rig.close());

async function ledger(job: string) {
  const { rows } = await rig.seeded.database.pool.query<Record<string, unknown>>(
    "select attempt, status, error_code, cost_nanos from ledger where job_id = $1 order by attempt",
    [job],
  );
  return rows;
}

async function processes(): Promise<string[]> {
  const { rows } = await rig.seeded.database.pool.query<{ id: string }>(
    "select id from processes order by id",
  );
  return rows.map(({ id }) => id);
}

async function attempts(): Promise<number> {
  const { rowCount } = await rig.seeded.database.pool.query("select from attempts");
  return rowCount ?? 0;
}

const lostRow = { attempt: 1, status: "unknown", error_code: "worker_lost", cost_nanos: 0n };

describe("a dead worker", () => {
  test("its attempt is closed as unknown at no cost, and its job's owner queues it again", async () => {
    await rig.accept("job_1");
    await rig.dead("worker_dead");
    await rig.claim("job_1", "worker_dead");
    await rig.sweeper().sweep();
    expect(await ledger("job_1")).toEqual([lostRow]);
    expect(await rig.job("job_1")).toMatchObject({ state: "waiting", place: 1, tries: 1 });
    expect(await rig.messagesTo("job_1")).toEqual([
      { type: "enqueue", provider: "gpu-a", place: 1, delayMs: 0 },
    ]);
    expect(await rig.held()).toBe(100n);
    expect(rig.declaredDead).toEqual(["worker_dead"]);
    expect(await processes()).toEqual([]);
    // The job can run again at its new place.
    expect(await rig.claim("job_1", "worker_next", 1)).toBe(2);
  });

  test("a job whose owner does not know it ends, and holds nothing", async () => {
    await rig.accept("job_2");
    await rig.dead("worker_dead");
    await rig.claim("job_2", "worker_dead");
    rig.stopListening("job_2");
    await rig.sweeper().sweep();
    expect(await rig.job("job_2")).toMatchObject({ state: "cancelled", error_code: "owner_lost" });
    expect(await rig.held()).toBe(0n);
  });

  test("a job that has used up its attempts ends with it, and its owner hears that it failed", async () => {
    await rig.accept("job_3", { max_attempts: 1 });
    await rig.dead("worker_dead");
    await rig.claim("job_3", "worker_dead");
    await rig.sweeper().sweep();
    expect(await rig.job("job_3")).toMatchObject({ state: "failed", error_code: "answer_lost" });
    expect(await rig.messagesTo("job_3")).toMatchObject([
      { type: "end", state: "failed", error: { code: "answer_lost" } },
    ]);
    expect(await rig.held()).toBe(0n);
  });

  test("more attempts than a page holds are all closed in one sweep", async () => {
    await rig.dead("worker_dead");
    const jobs = Array.from({ length: 450 }, (_, index) => `job_page_${index}`);
    await Promise.all(
      jobs.map(async (job) => {
        await rig.accept(job);
        await rig.claim(job, "worker_dead");
      }),
    );
    await rig.sweeper().sweep();
    expect(await attempts()).toBe(0);
    for (const job of jobs) expect(await rig.messagesTo(job)).toHaveLength(1);
  });

  test("an attempt whose worker nobody knows any more is closed too", async () => {
    await rig.accept("job_4");
    await rig.claim("job_4", "worker_forgotten");
    await rig.sweeper().sweep();
    expect(await ledger("job_4")).toEqual([lostRow]);
    expect(await rig.messagesTo("job_4")).toHaveLength(1);
  });

  test("a live worker and its attempts are left alone", async () => {
    await rig.accept("job_5");
    await rig.live("worker_live");
    await rig.claim("job_5", "worker_live");
    await rig.sweeper().sweep();
    expect(await attempts()).toBe(1);
    expect(await processes()).toEqual(["worker_live"]);
  });
});

describe("a frozen worker, whose lock is held while its beat stands still", () => {
  test("is dead after three sweeps, and not before", async () => {
    await rig.live("worker_sweeping");
    await rig.accept("job_6");
    await rig.live("worker_frozen");
    await rig.claim("job_6", "worker_frozen");
    const sweeper = rig.sweeper();
    // The first sweep sees the beat; three more find it unchanged.
    await sweepAlive(sweeper, 3);
    expect(rig.declaredDead).toEqual([]);
    expect(await attempts()).toBe(1);
    await sweepAlive(sweeper, 1);
    expect(rig.declaredDead).toEqual(["worker_frozen"]);
    expect(await attempts()).toBe(0);
  });

  test("is alive again with one beat in time", async () => {
    await rig.live("worker_sweeping");
    await rig.live("worker_slow");
    const sweeper = rig.sweeper();
    await sweepAlive(sweeper, 3);
    await rig.beat("worker_slow");
    await sweepAlive(sweeper, 3);
    expect(rig.declaredDead).toEqual([]);
  });

  test("is not told from a database that reads but does not write: then every beat stands still", async () => {
    await rig.live("worker_sweeping");
    await rig.live("worker_other");
    const sweeper = rig.sweeper();
    await sweepAlive(sweeper, 2);
    for (let sweep = 0; sweep < 10; sweep++) await sweeper.sweep();
    expect(rig.declaredDead).toEqual([]);
    await sweepAlive(sweeper, 3);
    expect(rig.declaredDead).toEqual(["worker_other"]);
  });

  test("never takes itself for frozen", async () => {
    await rig.live("worker_sweeping");
    const sweeper = rig.sweeper();
    for (let sweep = 0; sweep < 6; sweep++) await sweeper.sweep();
    expect(rig.declaredDead).toEqual([]);
  });
});

describe("a dead API process", () => {
  test("its waiting jobs end, which it hears if it lives; its running ones are asked to stop, at their worker", async () => {
    await rig.dead("api_dead", "api");
    await rig.live("worker_sweeping");
    for (const job of ["job_waits", "job_runs"]) await rig.accept(job, { owner: "api_dead" });
    await rig.accept("job_other", { owner: "api_live" });
    await rig.claim("job_runs", "worker_sweeping");
    const sweeper = rig.sweeper("worker_sweeping", () => ["job_runs"]);
    await sweeper.sweep();
    expect(await rig.job("job_waits")).toMatchObject({
      state: "cancelled",
      error_code: "owner_lost",
    });
    expect(await rig.messagesTo("job_waits")).toMatchObject([
      { type: "end", state: "cancelled", error: { code: "unavailable" } },
    ]);
    expect(await rig.job("job_runs")).toMatchObject({
      state: "running",
      cancel_reason: "owner_lost",
    });
    expect(await rig.job("job_other")).toMatchObject({ state: "waiting", cancel_reason: null });
    expect(await rig.held()).toBe(200n);
    await sweeper.sweep();
    expect(rig.stops).toEqual([{ job: "job_runs", reason: "owner_lost" }]);
  });

  test("with its worker dead too, its running jobs end in the same sweep", async () => {
    await rig.dead("api_dead", "api");
    await rig.dead("worker_dead");
    await rig.accept("job_7", { owner: "api_dead" });
    await rig.claim("job_7", "worker_dead");
    rig.stopListening("job_7");
    await rig.sweeper().sweep();
    expect((await rig.job("job_7")).state).toBe("cancelled");
    expect(await rig.held()).toBe(0n);
    expect(await processes()).toEqual([]);
  });
});

describe("a waiting job", () => {
  test("past its deadline ends, and its owner hears of it", async () => {
    await rig.accept("job_8", { deadline_ms: 0 });
    await rig.sweeper().sweep();
    expect(await rig.job("job_8")).toMatchObject({ state: "expired", error_code: "deadline" });
    expect(await rig.messagesTo("job_8")).toMatchObject([
      { type: "end", state: "expired", error: { code: "deadline_exceeded" } },
    ]);
    expect(await rig.held()).toBe(0n);
  });

  test("whose entry is lost is queued again by its owner; one whose entry waits is not", async () => {
    await rig.accept("job_lost", { check_ms: 0 });
    await rig.accept("job_there", { check_ms: 0 });
    await rig.queues.add("gpu-a", queueEntry("job_there"), { priority: 1, delayMs: 0 });
    await rig.sweeper().sweep();
    expect(await rig.messagesTo("job_lost")).toEqual([
      { type: "enqueue", provider: "gpu-a", place: 0, delayMs: 0 },
    ]);
    expect(await rig.messagesTo("job_there")).toEqual([]);
    expect(await rig.job("job_lost")).toMatchObject({ state: "waiting", place: 0 });
  });

  test("is looked at again after intervals that grow, and at its deadline at the latest", async () => {
    await rig.accept("job_9", { check_ms: 0, deadline_ms: 100_000 });
    const { pool } = rig.seeded.database;
    const gaps: number[] = [];
    for (let check = 0; check < 8; check++) {
      await pool.query("update jobs set wake_at = now() where id = 'job_9'");
      await rig.sweeper().sweep();
      const { rows } = await pool.query<{ gap: number }>(
        "select extract(epoch from wake_at - now())::float8 as gap from jobs where id = 'job_9'",
      );
      gaps.push(rows[0]?.gap ?? 0);
    }
    for (const [index, expected] of [5, 10, 20, 40, 80, 100, 100, 100].entries()) {
      expect(gaps[index]).toBeLessThanOrEqual(expected);
      expect(gaps[index]).toBeGreaterThan(expected - 5);
    }
    // Each look asked the owner once.
    expect(await rig.messagesTo("job_9")).toHaveLength(8);
  });

  test("is not looked at before its time", async () => {
    await rig.accept("job_10", { check_ms: 60_000 });
    await rig.sweeper().sweep();
    expect(await rig.messagesTo("job_10")).toEqual([]);
  });
});

describe("an attempt of the sweeper's own worker", () => {
  test("that it does not run is closed once it is old enough", async () => {
    await rig.live("worker_sweeping");
    for (const job of ["job_old", "job_young", "job_run"]) {
      await rig.accept(job);
      await rig.claim(job, "worker_sweeping");
    }
    await rig.seeded.database.pool.query(
      "update attempts set started_at = started_at - interval '6 s' where job_id <> 'job_young'",
    );
    await rig.sweeper("worker_sweeping", () => ["job_run"]).sweep();
    expect(await rig.job("job_old")).toMatchObject({ state: "waiting", place: 1 });
    expect(await rig.job("job_young")).toMatchObject({ state: "running" });
    expect(await rig.job("job_run")).toMatchObject({ state: "running" });
  });
});

test("several sweepers side by side do nothing twice", async () => {
  await rig.dead("worker_dead");
  const lost = Array.from({ length: 250 }, (_, index) => `job_lost_${index}`);
  const late = Array.from({ length: 250 }, (_, index) => `job_late_${index}`);
  await Promise.all([
    ...lost.map(async (job) => {
      await rig.accept(job);
      await rig.claim(job, "worker_dead");
    }),
    ...late.map((job) => rig.accept(job)),
  ]);
  await rig.seeded.database.pool.query(
    "update jobs set deadline_at = now(), wake_at = now() where id = any ($1)",
    [late],
  );
  const sweepers = Array.from({ length: 4 }, () => rig.sweeper());
  // A sweeper that meets another's locks may give up, and tries again in its next round.
  for (let round = 0; round < 3; round++)
    await Promise.allSettled(sweepers.map((sweeper) => sweeper.sweep()));
  expect(await attempts()).toBe(0);
  for (const job of lost) {
    expect(await ledger(job)).toEqual([lostRow]);
    expect(await rig.messagesTo(job)).toHaveLength(1);
    expect((await rig.job(job)).place).toBe(1);
  }
  for (const job of late) expect(await rig.messagesTo(job)).toHaveLength(1);
  expect(await rig.held()).toBe(25_000n);
});

/** Sweeps in a process whose own beat goes on. */
async function sweepAlive(sweeper: Sweeper, times: number): Promise<void> {
  for (let sweep = 0; sweep < times; sweep++) {
    await rig.beat("worker_sweeping");
    await sweeper.sweep();
  }
}
