import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startSweepRig, type SweepRig } from "./sweep-rig.ts";

let rig: SweepRig;
beforeAll(async () => {
  rig = await startSweepRig(100);
});
afterEach(() => rig.clear());
afterAll(() => rig.close());

let deaths = 0;

/** A worker dies with these jobs in flight. */
async function deathWith(jobs: readonly string[], place = 0): Promise<void> {
  const worker = `worker_${deaths++}`;
  await rig.dead(worker);
  for (const job of jobs) {
    const row = await claim(job, worker, { place, alone: jobs.length === 1 });
    expect(row.verdict).toBe("claimed");
  }
  await rig.sweeper().sweep();
}

function claim(job: string, worker: string, at: { place: number; alone: boolean }) {
  const { place, alone } = at;
  const member = { job, place, provider: "gpu-a", nonce: randomUUID(), worker };
  return rig.seeded.database.claim.submit({ ...member, ...(alone ? { alone } : {}) });
}

async function accept(count: number, max_attempts = 3): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => `job_${randomUUID()}`);
  for (const job of jobs) await rig.accept(job, { max_attempts });
  return jobs;
}

/** The job's count of worker deaths. */
async function crashes(job: string): Promise<number> {
  const { rows } = await rig.seeded.database.pool.query<{ crashes: number }>(
    "select crashes from jobs where id = $1",
    [job],
  );
  return rows[0]?.crashes ?? -1;
}

describe("jobs that run when their worker dies", () => {
  test("run alone after the second time, and end as poison with the third", async () => {
    const [job = ""] = await accept(1);
    await deathWith([job], 0);
    expect(await rig.job(job)).toMatchObject({ state: "waiting", tries: 1 });
    await deathWith([job], 1);
    expect(await rig.job(job)).toMatchObject({ state: "waiting", tries: 1 });
    expect(await claim(job, "worker_live", { place: 2, alone: false })).toMatchObject({
      verdict: "suspect",
    });
    await deathWith([job], 2);
    expect(await rig.job(job)).toMatchObject({ state: "failed", error_code: "poison" });
    expect((await rig.messagesTo(job)).at(-1)).toMatchObject({
      type: "end",
      state: "failed",
      error: { code: "poison" },
    });
    expect(await rig.held()).toBe(0n);
  });

  test("lose no attempt beside one that was there before, which alone is blamed", async () => {
    const [poison = "", ...others] = await accept(4, 2);
    await deathWith([poison], 0);
    const worker = `worker_${deaths++}`;
    await rig.dead(worker);
    await claim(poison, worker, { place: 1, alone: false });
    for (const job of others) await claim(job, worker, { place: 0, alone: false });
    await rig.sweeper().sweep();
    for (const job of others) {
      expect(await rig.job(job)).toMatchObject({ state: "waiting", tries: 0 });
      expect(await crashes(job)).toBe(0);
    }
    expect(await crashes(poison)).toBe(2);
  });

  test("that ran together both times are all suspects, and none of them has ended", async () => {
    const jobs = await accept(9, 2);
    for (const place of [0, 1]) {
      const worker = `worker_${deaths++}`;
      await rig.dead(worker);
      for (const job of jobs) await claim(job, worker, { place, alone: false });
      await rig.sweeper().sweep();
    }
    for (const job of jobs) {
      expect(await rig.job(job)).toMatchObject({ state: "waiting", tries: 1 });
      expect(await crashes(job)).toBe(2);
    }
  });

  test("more than a page of them, and one was there before: none of the rest is blamed", async () => {
    const jobs = await accept(250);
    // This job is among the first by id.
    const first = jobs.toSorted()[0] ?? "";
    await deathWith([first], 0);
    const worker = `worker_${deaths++}`;
    await rig.dead(worker);
    await Promise.all(
      jobs.map((job) => claim(job, worker, { place: job === first ? 1 : 0, alone: false })),
    );
    await rig.sweeper().sweep();
    const blamed = await Promise.all(jobs.map(crashes));
    expect(blamed.reduce((sum, each) => sum + each, 0)).toBe(2);
  });

  test("of which only one call may go out end at once", async () => {
    const [job = ""] = await accept(1, 1);
    await deathWith([job]);
    expect(await rig.job(job)).toMatchObject({ state: "failed", error_code: "answer_lost" });
  });
});

test("an attempt that a live worker has forgotten is no death", async () => {
  const [job = ""] = await accept(1);
  await rig.live("worker_live");
  await claim(job, "worker_live", { place: 0, alone: false });
  const { pool } = rig.seeded.database;
  await pool.query("update attempts set started_at = now() - interval '1 min'");
  await rig.sweeper("worker_live").sweep();
  expect(await rig.job(job)).toMatchObject({ state: "waiting", tries: 1 });
  expect(await crashes(job)).toBe(0);
});
