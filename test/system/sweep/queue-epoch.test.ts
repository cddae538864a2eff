import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { wakeForEpoch } from "../../../shared/jobs/due-jobs.ts";
import type { Sweeper } from "../../../workers/sweep/sweeper.ts";
import { queueEntry } from "../queue/queue-rig.ts";
import { startSweepRig, type SweepRig } from "./sweep-rig.ts";

let rig: SweepRig;

beforeAll(async () => {
  rig = await startSweepRig();
});
beforeEach(() => setEpoch("one"));
afterEach(() => rig.clear());
afterAll(() => rig.close());

async function setEpoch(epoch: string): Promise<void> {
  await rig.seeded.database.pool.query(
    "update queue_epoch set epoch = $1, next = null, woken_at = null, woken_id = null",
    [epoch],
  );
}

/** The sweeper would not look for the entries of these jobs within the hour. */
async function accept(prefix: string, count: number): Promise<string[]> {
  const jobs = Array.from({ length: count }, (_, index) => `${prefix}_${index}`);
  await Promise.all(jobs.map((job) => rig.accept(job)));
  return jobs;
}

function sweeper(epoch: string): Sweeper {
  return rig.sweeper(
    "worker_sweeping",
    () => [],
    () => epoch,
  );
}

/** Counts how often each owner was asked to queue its job again. */
async function asked(jobs: readonly string[]): Promise<number[]> {
  const counts: number[] = [];
  for (const job of jobs) {
    const messages = await rig.messagesTo(job);
    expect(messages.every(({ type }) => type === "enqueue")).toBe(true);
    counts.push(messages.length);
  }
  return counts;
}

const times = (jobs: readonly string[], count: number): number[] => jobs.map(() => count);

async function dueNow(): Promise<number> {
  const { rowCount } = await rig.seeded.database.pool.query(
    "select from jobs where state = 'waiting' and wake_at <= now()",
  );
  return rowCount ?? 0;
}

async function knownEpoch(): Promise<string | null> {
  const { rows } = await rig.seeded.database.pool.query<{ epoch: string | null }>(
    "select epoch from queue_epoch",
  );
  return rows[0]?.epoch ?? null;
}

describe("a sweep that finds a new epoch", () => {
  test("asks the owners of all waiting jobs whose entries are missing, and only those", async () => {
    const lost = await accept("job_lost", 30);
    const [there = "", running = ""] = await accept("job_other", 2);
    await rig.queues.add("gpu-a", queueEntry(there), { priority: 1, delayMs: 0 });
    await rig.live("worker_busy");
    await rig.claim(running, "worker_busy");
    await sweeper("two").sweep();
    expect(await asked(lost)).toEqual(times(lost, 1));
    expect(await asked([there, running])).toEqual([0, 0]);
    expect(await knownEpoch()).toBe("two");
  });

  test("asks once, however many pages there are", async () => {
    const jobs = await accept("job", 450);
    await sweeper("two").sweep();
    expect(await asked(jobs)).toEqual(times(jobs, 1));
    await sweeper("two").sweep();
    expect(await asked(jobs)).toEqual(times(jobs, 0));
  });

  test("asks for jobs that had been checked long ago and are not due for long", async () => {
    const [job = ""] = await accept("job", 1);
    await rig.seeded.database.pool.query(
      "update jobs set checks = 30, wake_at = now() + interval '160 s' where id = $1",
      [job],
    );
    await sweeper("two").sweep();
    expect(await asked([job])).toEqual([1]);
  });

  test("ends those whose owner does not know them", async () => {
    const [job = ""] = await accept("job", 1);
    rig.stopListening(job);
    await sweeper("two").sweep();
    expect(await rig.job(job)).toMatchObject({ state: "cancelled", error_code: "owner_lost" });
    expect(await rig.held()).toBe(0n);
  });
});

describe("a sweep asks nobody", () => {
  test("in an epoch that is known", async () => {
    const jobs = await accept("job", 3);
    await sweeper("one").sweep();
    expect(await asked(jobs)).toEqual([0, 0, 0]);
  });

  test("while the queue does not say its epoch, and still sweeps", async () => {
    const jobs = await accept("job", 3);
    await rig.accept("job_late", { deadline_ms: 0 });
    const away = rig.sweeper(
      "worker_sweeping",
      () => [],
      () => {
        throw new Error("no queue");
      },
    );
    await away.sweep();
    expect(await asked(jobs)).toEqual([0, 0, 0]);
    expect((await rig.job("job_late")).state).toBe("expired");
    expect(await knownEpoch()).toBe("one");
  });
});

describe("sweepers that die or meet", () => {
  test("one that dies between pages is continued by the next where it was", async () => {
    const jobs = await accept("job", 50);
    expect(await wakeForEpoch(rig.seeded.database.pool, "two", 20)).toBe(20);
    expect(await dueNow()).toBe(20);
    expect(await knownEpoch()).toBe("one");
    await sweeper("two").sweep();
    expect(await asked(jobs)).toEqual(times(jobs, 1));
    expect(await knownEpoch()).toBe("two");
  });

  test("several at once ask every owner, and end with one epoch", async () => {
    const jobs = await accept("job", 450);
    await Promise.all(Array.from({ length: 4 }, () => sweeper("two").sweep()));
    await sweeper("two").sweep();
    expect(await knownEpoch()).toBe("two");
    expect(await asked(jobs)).toEqual(times(jobs, 1));
  });

  test("an epoch that comes before the last one was dealt with begins from the start", async () => {
    const jobs = await accept("job", 50);
    await wakeForEpoch(rig.seeded.database.pool, "two", 20);
    await sweeper("three").sweep();
    expect(await asked(jobs)).toEqual(times(jobs, 1));
    expect(await knownEpoch()).toBe("three");
  });
});

describe("the statement", () => {
  test("wakes the latest first, page by page, and says 0 when it is done", async () => {
    await rig.accept("job_soon", { check_ms: 1_000_000 });
    await rig.accept("job_later", { check_ms: 2_000_000 });
    await rig.accept("job_latest", { check_ms: 3_000_000 });
    const woken: string[][] = [];
    const counts: number[] = [];
    for (let page = 0; page < 3; page++) {
      counts.push(await wakeForEpoch(rig.seeded.database.pool, "two", 2));
      const { rows } = await rig.seeded.database.pool.query<{ id: string }>(
        "select id from jobs where wake_at <= now() order by id",
      );
      woken.push(rows.map(({ id }) => id));
    }
    expect(counts).toEqual([2, 1, 0]);
    const all = ["job_later", "job_latest", "job_soon"];
    expect(woken).toEqual([all.slice(0, 2), all, all]);
  });

  test("tells jobs apart that are due at the same time", async () => {
    await accept("job", 5);
    await rig.seeded.database.pool.query("update jobs set wake_at = '2100-01-01'");
    const counts: number[] = [];
    for (let page = 0; page < 4; page++)
      counts.push(await wakeForEpoch(rig.seeded.database.pool, "two", 2));
    expect(counts).toEqual([2, 2, 1, 0]);
    expect(await dueNow()).toBe(5);
  });

  test("leaves the work to another that is at it", async () => {
    await accept("job", 3);
    const other = await rig.seeded.database.pool.connect();
    try {
      await other.query("begin");
      await other.query("select wake_for_epoch('two', 2)");
      expect(await wakeForEpoch(rig.seeded.database.pool, "two", 2)).toBe(0);
      await other.query("commit");
    } finally {
      other.release();
    }
    expect(await wakeForEpoch(rig.seeded.database.pool, "two", 2)).toBe(1);
  });

  test("wakes nobody that runs, has ended, or is due anyway", async () => {
    await accept("job", 3);
    await rig.accept("job_due", { check_ms: 0 });
    await rig.claim("job_0", "worker_x");
    await rig.seeded.database.end.submit({
      job: "job_1",
      place: null,
      state: "cancelled",
      code: "test",
    });
    expect(await wakeForEpoch(rig.seeded.database.pool, "two", 10)).toBe(1);
  });

  test("with nothing to wake notes the epoch at once", async () => {
    expect(await wakeForEpoch(rig.seeded.database.pool, "two", 10)).toBe(0);
    expect(await knownEpoch()).toBe("two");
  });
});
