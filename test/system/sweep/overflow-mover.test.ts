import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ProviderStates } from "../../../shared/providers/provider-states.ts";
import { OverflowMover } from "../../../workers/sweep/overflow-mover.ts";
import { startSweepRig, type SweepRig } from "./sweep-rig.ts";

const SLOTS = 3;
let rig: SweepRig;
let providerStates: ProviderStates;

beforeAll(async () => {
  rig = await startSweepRig(SLOTS);
});
beforeEach(() => {
  providerStates = new ProviderStates([
    { name: "gpu-a", location: "local", slots: SLOTS },
    { name: "gpu-b", location: "local", slots: SLOTS },
    { name: "cloud", location: "cloud", slots: SLOTS },
  ]);
});
afterEach(() => rig.clear());
afterAll(() => rig.close());

function mover(): OverflowMover {
  return new OverflowMover({
    providerStates,
    database: rig.seeded.database,
    reply: rig.hub,
    overflowProviders: ["cloud"],
    checkMs: 60_000,
  });
}

/** The jobs are accepted one after the other, so that the first is the oldest. */
async function acceptInTurn(
  count: number,
  other: Parameters<SweepRig["accept"]>[1] = { overflow_ms: 0 },
): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_, index) => `job_${index}`);
  for (const job of jobs) await rig.accept(job, other);
  return jobs;
}

/** With statistics the planner sees how few rows there are, and no index happens to sort them. */
async function analyze(): Promise<void> {
  await rig.seeded.database.pool.query("analyze jobs");
}

/** Returns where each job waits now, e.g. `cloud@1`. */
async function places(jobs: readonly string[]): Promise<string[]> {
  return await Promise.all(
    jobs.map(async (job) => {
      const { provider, place } = await rig.job(job);
      return `${provider}@${place}`;
    }),
  );
}

describe("jobs that have waited too long", () => {
  test("go to the overflow target, oldest first, and only as many as it has free slots", async () => {
    const jobs = await acceptInTurn(5);
    await rig.seeded.database.pool.query("update jobs set checks = 0 where id = 'job_0'");
    await analyze();
    await mover().move();
    expect(await places(jobs)).toEqual(["cloud@1", "cloud@1", "cloud@1", "gpu-a@0", "gpu-a@0"]);
    expect(await rig.messagesTo("job_0")).toEqual([
      { type: "enqueue", provider: "cloud", place: 1, delayMs: 0 },
    ]);
    expect(await rig.messagesTo("job_3")).toEqual([]);
    // A job that waits at the overflow counts as much as one that runs there.
    await mover().move();
    expect(await places(jobs)).toEqual(["cloud@1", "cloud@1", "cloud@1", "gpu-a@0", "gpu-a@0"]);
    await rig.claim("job_0", "worker_1", 1, "cloud");
    await mover().move();
    expect((await places(jobs))[3]).toBe("gpu-a@0");
    await rig.seeded.database.settle.submit({
      job: "job_0",
      fence: 1,
      state: "done",
      status: "ok",
      error_code: null,
      prompt_tokens: 1,
      completion_tokens: 1,
      estimated: false,
      cost: "1",
      ttft_ms: null,
      total_ms: 1,
    });
    await mover().move();
    expect(await places(jobs)).toEqual(["cloud@1", "cloud@1", "cloud@1", "cloud@1", "gpu-a@0"]);
  });

  test("stay while the time has not come, or the route has no such time", async () => {
    await rig.accept("job_soon", { overflow_ms: 60_000 });
    await rig.accept("job_never", { overflow_ms: null });
    await mover().move();
    expect(await places(["job_soon", "job_never"])).toEqual(["gpu-a@0", "gpu-a@0"]);
  });

  test("stay while the overflow target is down", async () => {
    const jobs = await acceptInTurn(1);
    providerStates.setUp("cloud", false);
    await mover().move();
    expect(await places(jobs)).toEqual(["gpu-a@0"]);
  });

  test("never leave for the cloud with residency local, however many movers look", async () => {
    await rig.accept("job_local", { residency: "local", overflow_ms: 0 });
    await rig.accept("job_any", { overflow_ms: 0 });
    providerStates.setUp("gpu-a", false);
    providerStates.setUp("gpu-b", false);
    for (let round = 0; round < 3; round++) await mover().move();
    expect(await places(["job_local", "job_any"])).toEqual(["gpu-a@0", "cloud@1"]);
    expect(await rig.messagesTo("job_local")).toEqual([]);
  });

  test("several movers at once fill the free slots once", async () => {
    const jobs = await acceptInTurn(20);
    await Promise.all(Array.from({ length: 5 }, () => mover().move()));
    const there = (await places(jobs)).filter((place) => place === "cloud@1");
    expect(there).toHaveLength(SLOTS);
    for (const job of jobs.slice(0, SLOTS)) expect(await rig.messagesTo(job)).toHaveLength(1);
  });

  test("that wait at the overflow target already are not moved to it again", async () => {
    await rig.accept("job_there", { target: 2, overflow_ms: null });
    for (const provider of ["gpu-a", "gpu-b", "cloud"]) providerStates.setUp(provider, false);
    await mover().move();
    providerStates.setUp("cloud", true);
    await mover().move();
    expect(await places(["job_there"])).toEqual(["cloud@0"]);
  });

  test("whose budget does not cover the target hear nothing and wait on", async () => {
    const big = 2_000_000_000n;
    await rig.accept("job_dear", { overflow_ms: 0 });
    await rig.seeded.database.pool.query(
      "update jobs set plan = jsonb_set(plan, '{2,holdNanos}', to_jsonb($1::text))",
      [String(big)],
    );
    await mover().move();
    expect(await places(["job_dear"])).toEqual(["gpu-a@0"]);
    expect(await rig.messagesTo("job_dear")).toEqual([]);
    expect(await rig.held()).toBe(100n);
  });
});

describe("jobs at a provider that is down", () => {
  test("go to a serve target that is up", async () => {
    const jobs = await acceptInTurn(SLOTS * 3, { overflow_ms: null });
    providerStates.setUp("gpu-a", false);
    await mover().move();
    expect(new Set(await places(jobs))).toEqual(new Set(["gpu-b@1"]));
    expect(await rig.messagesTo("job_0")).toEqual([
      { type: "enqueue", provider: "gpu-b", place: 1, delayMs: 0 },
    ]);
  });

  test("go to overflow at once when no serve target is up, oldest first", async () => {
    const jobs = await acceptInTurn(12, { overflow_ms: 60_000 });
    providerStates.setUp("gpu-a", false);
    providerStates.setUp("gpu-b", false);
    // Rows that one statement accepted or touched are in any order in the table.
    await rig.seeded.database.pool.query(
      "update jobs set accepted_at = accepted_at where id = any (array['job_0', 'job_2'])",
    );
    await analyze();
    await mover().move();
    expect(await places(jobs)).toEqual([
      ...Array.from({ length: SLOTS }, () => "cloud@1"),
      ...Array.from({ length: 12 - SLOTS }, () => "gpu-a@0"),
    ]);
  });

  test("stay where the route says that failure is no reason to overflow", async () => {
    await rig.accept("job_stays", { overflow_ms: null, overflow_on_failure: false });
    await rig.accept("job_goes", { overflow_ms: null, overflow_on_failure: true });
    providerStates.setUp("gpu-a", false);
    providerStates.setUp("gpu-b", false);
    await mover().move();
    expect(await places(["job_stays", "job_goes"])).toEqual(["gpu-a@0", "cloud@1"]);
  });

  test("running ones are left to their workers", async () => {
    await rig.accept("job_runs", { overflow_ms: 0 });
    await rig.claim("job_runs", "worker_1");
    providerStates.setUp("gpu-a", false);
    await mover().move();
    expect(await rig.job("job_runs")).toMatchObject({ state: "running", provider: "gpu-a" });
  });

  test("more than a page's worth leave in a few rounds, and none is sent twice", async () => {
    const jobs = Array.from({ length: 450 }, (_, index) => `job_${index}`);
    await Promise.all(jobs.map((job) => rig.accept(job, { overflow_ms: null })));
    providerStates.setUp("gpu-a", false);
    await Promise.allSettled([mover().move(), mover().move(), mover().move()]);
    for (let round = 0; round < 3; round++) await mover().move();
    expect(new Set(await places(jobs))).toEqual(new Set(["gpu-b@1"]));
    for (const job of jobs) expect(await rig.messagesTo(job)).toHaveLength(1);
  });
});
