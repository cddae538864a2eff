import { beforeEach, describe, expect, test } from "vitest";
import { EndedWatch } from "../../../../api/calls/ended-watch.ts";
import type { EndState } from "../../../../shared/contracts/reply.ts";
import type { EndedJob } from "../../../../shared/jobs/find-ended.ts";

class Waiting {
  readonly id: string;
  worker: string | undefined = "worker";
  hasEnd = false;
  readonly recorded: EndedJob[] = [];

  constructor(id: string) {
    this.id = id;
  }

  recordEnded(row: EndedJob): void {
    this.recorded.push(row);
  }
}

let nowMs: number;
/** This is the age of the last reading of the inbox. */
let lagMs: number;
let jobs: Waiting[];
let rows: Map<string, EndedJob>;
let asked: string[][];
let watch: EndedWatch;

beforeEach(() => {
  nowMs = 1_000_000;
  lagMs = 0;
  jobs = [];
  rows = new Map();
  asked = [];
  watch = new EndedWatch({
    jobs: () => jobs,
    findEnded: (about) => {
      asked.push(about.map(({ id, worker }) => `${id} ${worker ?? "-"}`));
      return Promise.resolve(about.flatMap(({ id }) => rows.get(id) ?? []));
    },
    readSince: () => nowMs - lagMs,
    now: () => nowMs,
  });
});

function wait(id: string): Waiting {
  const job = new Waiting(id);
  jobs.push(job);
  return job;
}

function end(id: string, state: EndState, workerLives: boolean): EndedJob {
  const row = {
    id,
    state,
    error_code: null,
    fence: 1,
    cost_nanos: 0n,
    worker_lives: workerLives,
  };
  rows.set(id, row);
  return row;
}

/** Counts the milliseconds from the first look that finds the job ended until this is recorded. */
async function recordedAfterMs(job: Waiting, limitMs = 120_000): Promise<number> {
  const startMs = nowMs;
  await watch.look();
  while (job.recorded.length === 0 && nowMs - startMs < limitMs) {
    nowMs += 500;
    await watch.look();
  }
  return job.recorded.length === 0 ? Number.POSITIVE_INFINITY : nowMs - startMs;
}

describe("a job that has ended while its caller waits", () => {
  test("is noted soon when its worker is gone, with what its row says", async () => {
    const job = wait("job");
    const row = end("job", "done", false);
    expect(await recordedAfterMs(job)).toBeLessThanOrEqual(1_000);
    expect(job.recorded).toEqual([row]);
  });

  test("is left to its worker for a minute when that lives: it repeats a result", async () => {
    const job = wait("job");
    end("job", "done", true);
    const afterMs = await recordedAfterMs(job);
    expect(afterMs).toBeGreaterThan(59_000);
    expect(afterMs).toBeLessThan(62_000);
  });

  test("without a result is left for seconds: nobody repeats a notice", async () => {
    const job = wait("job");
    end("job", "expired", true);
    const afterMs = await recordedAfterMs(job);
    expect(afterMs).toBeGreaterThan(4_500);
    expect(afterMs).toBeLessThan(7_000);
  });

  test("is left for some questions of a worker of which nothing was heard yet", async () => {
    const job = wait("job");
    job.worker = undefined;
    end("job", "done", false);
    const afterMs = await recordedAfterMs(job);
    expect(afterMs).toBeGreaterThan(6_000);
    expect(afterMs).toBeLessThan(15_000);
  });

  test("is not noted at the first look, whatever its row says: its end may be on its way", async () => {
    const job = wait("job");
    end("job", "failed", false);
    await watch.look();
    expect(job.recorded).toEqual([]);
  });

  test("is not noted while the inbox stands still, however long", async () => {
    const job = wait("job");
    end("job", "done", false);
    await watch.look();
    for (let second = 0; second < 300; second++) {
      nowMs += 1_000;
      lagMs += 1_000;
      await watch.look();
    }
    expect(job.recorded).toEqual([]);
    lagMs = 0;
    expect(await recordedAfterMs(job)).toBeLessThanOrEqual(1_000);
  });

  test("whose end has come is not asked about: its caller only has to take it", async () => {
    wait("job").hasEnd = true;
    await watch.look();
    expect(asked).toEqual([]);
  });

  test("is heard of with the worker that was heard last", async () => {
    wait("job_1").worker = "worker_7";
    wait("job_2").worker = undefined;
    await watch.look();
    expect(asked).toEqual([["job_1 worker_7", "job_2 -"]]);
  });
});

describe("many jobs", () => {
  test("are asked about by pages in turn, none left out", async () => {
    for (let index = 0; index < 1_200; index++) wait(`job_${String(index).padStart(4, "0")}`);
    const round: string[] = [];
    for (let page = 0; page < 3; page++) {
      await watch.look();
      expect(asked.at(-1)?.length).toBeLessThanOrEqual(500);
      round.push(...(asked.at(-1) ?? []));
    }
    expect(new Set(round).size).toBe(1_200);
    await watch.look();
    expect(asked.at(-1)?.[0]).toBe("job_0000 worker");
  });

  test("that come and go while pages turn do not stop the round", async () => {
    for (let index = 0; index < 600; index++) wait(`job_${String(index).padStart(4, "0")}`);
    await watch.look();
    jobs = jobs.slice(0, 100);
    await watch.look();
    expect(asked.at(-1)).toHaveLength(100);
    jobs = [];
    await watch.look();
    expect(asked).toHaveLength(2);
  });

  test("that have left are forgotten: their time does not count for another wait", async () => {
    const first = wait("job");
    end("job", "done", false);
    await watch.look();
    jobs = [];
    nowMs += 1_000;
    await watch.look();
    const second = wait("job");
    nowMs += 1_000;
    await watch.look();
    expect([...first.recorded, ...second.recorded]).toEqual([]);
  });
});

test("nothing waits: nothing is asked", async () => {
  await watch.look();
  expect(asked).toEqual([]);
});
