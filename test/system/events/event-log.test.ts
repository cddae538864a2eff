import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EventLog } from "../../../shared/events/event-log.ts";
import { eventually } from "../../support/eventually.ts";
import { postgresSide, redisSide, type LogSide } from "./log-side.ts";

const PAGE_BYTES = 1024 * 1024;

const eventOf = (number: number): string => `data: {"n":${number}}\n\n`;
const events = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => eventOf(from + at));

let jobs = 0;
const newJob = (): string => `job_${++jobs}`;

/** Reads page after page to the end. */
async function readAll(log: EventLog, job: string, fence: number, from = 0): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const page = await log.read(job, fence, from + all.length);
    if (page.length === 0) return all;
    all.push(...page);
  }
}

/** Twenty events are spread over a few ticks. */
async function writeSlowly(writer: EventLog, job: string): Promise<void> {
  const log = writer.attempt(job, 1);
  for (let n = 0; n < 20; n++) {
    log.append([`data: ${job} ${n}\n\n`]);
    if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await log.flush();
}

describe.each([
  ["in Redis", redisSide],
  ["in PostgreSQL", postgresSide],
])("events %s", (_, open) => {
  let side: LogSide;
  beforeAll(async () => {
    side = await open();
  });
  afterAll(() => side.close());

  /** Counts the calls of a follower. */
  async function follow(job: string): Promise<{ count: number; leave: () => void }> {
    const heard = { count: 0, leave: () => undefined as void };
    heard.leave = await side.reader.follow(job, () => void heard.count++);
    return heard;
  }

  test("are read in the order in which they were added, from any number on", async () => {
    const job = newJob();
    const log = side.writer.attempt(job, 1);
    for (let n = 0; n < 40; n++) log.append([eventOf(n)]);
    log.append(events(40, 60));
    await log.flush();
    log.append(events(60, 70));
    await log.flush();
    expect(await readAll(side.reader, job, 1)).toEqual(events(0, 70));
    expect(await readAll(side.reader, job, 1, 55)).toEqual(events(55, 70));
    expect(await side.reader.read(job, 1, 70)).toEqual([]);
    expect(await side.reader.read(job, 1, 1_000)).toEqual([]);
  });

  test("belong to their attempt and job alone", async () => {
    const [job, other] = [newJob(), newJob()];
    for (const [of, fence] of [
      [job, 1],
      [job, 2],
      [other, 1],
    ] as const) {
      const log = side.writer.attempt(of, fence);
      log.append([`data: ${of} ${fence}\n\n`]);
      await log.flush();
    }
    expect(await side.reader.read(job, 1, 0)).toEqual([`data: ${job} 1\n\n`]);
    expect(await side.reader.read(job, 2, 0)).toEqual([`data: ${job} 2\n\n`]);
    expect(await side.reader.read(job, 3, 0)).toEqual([]);
    expect(await side.reader.read(other, 1, 0)).toEqual([`data: ${other} 1\n\n`]);
  });

  test("come in pages of at most a few hundred, for several readers at once", async () => {
    const job = newJob();
    const log = side.writer.attempt(job, 1);
    log.append(events(0, 3_000));
    await log.flush();
    const page = await side.reader.read(job, 1, 0);
    expect(page.length).toBeGreaterThan(100);
    expect(page.length).toBeLessThan(1_000);
    const readers = [0, 7, 1_500, 2_999].map((from) => readAll(side.reader, job, 1, from));
    expect(await Promise.all(readers)).toEqual(
      [0, 7, 1_500, 2_999].map((from) => events(from, 3_000)),
    );
  });

  test("of a megabyte and more come in pages that their bytes end", async () => {
    const job = newJob();
    const log = side.writer.attempt(job, 1);
    const big = Array.from(
      { length: 7 },
      (__, n) => `data: ${String(n).repeat(PAGE_BYTES / 2)}\n\n`,
    );
    const all = [
      ...big,
      "data: small\n\n",
      `data: ${"x".repeat(9 * PAGE_BYTES)}\n\n`,
      "data: end\n\n",
    ];
    for (const event of all) {
      log.append([event]);
      // More than this may not wait.
      if (event.length > 8 * PAGE_BYTES) await log.flush();
    }
    await log.flush();
    expect(await side.reader.read(job, 1, 0)).toHaveLength(2);
    const read = await readAll(side.reader, job, 1);
    expect(read.map(({ length }) => length)).toEqual(all.map(({ length }) => length));
    // The message of a failed comparison would be very long.
    expect(read.every((event, n) => event === all[n])).toBe(true);
  });

  test("keep every character", async () => {
    const job = newJob();
    const log = side.writer.attempt(job, 1);
    const odd = ["ÄÖß", "𝒳 👩‍👩‍👧", "\u0000 \u001f \u2028", "\\x00 \\\\", '{"a","b"} NULL', ""].map(
      (text) => `data: ${text}\n\n`,
    );
    log.append(odd);
    await log.flush();
    expect(await readAll(side.reader, job, 1)).toEqual(odd);
  });

  test("of many attempts at once do not mix", async () => {
    const names = Array.from({ length: 50 }, newJob);
    await Promise.all(names.map((job) => writeSlowly(side.writer, job)));
    const read = await Promise.all(names.map((job) => readAll(side.reader, job, 1)));
    expect(read).toEqual(
      names.map((job) => Array.from({ length: 20 }, (__, n) => `data: ${job} ${n}\n\n`)),
    );
  });

  test("are heard of by followers of their job, until they leave", async () => {
    const job = newJob();
    const log = side.writer.attempt(job, 1);
    const [early, leaver] = [await follow(job), await follow(job)];
    const elsewhere = await follow(newJob());
    log.append([eventOf(0)]);
    await eventually(() => {
      expect(early.count).toBeGreaterThan(0);
      expect(leaver.count).toBeGreaterThan(0);
    });
    leaver.leave();
    const before = leaver.count;
    const late = await follow(job);
    early.count = 0;
    side.writer.announce(job);
    await eventually(() => {
      expect(early.count).toBe(1);
      expect(late.count).toBe(1);
    });
    expect(leaver.count).toBe(before);
    expect(elsewhere.count).toBe(0);
    for (const { leave } of [early, late, elsewhere]) leave();
  });

  test("are there when their followers hear of them", async () => {
    const job = newJob();
    const log = side.writer.attempt(job, 1);
    const read: string[] = [];
    let reading = Promise.resolve();
    const leave = await side.reader.follow(job, () => {
      const before = reading;
      reading = (async () => {
        await before;
        read.push(...(await side.reader.read(job, 1, read.length)));
      })();
    });
    for (let n = 0; n < 100; n++) {
      log.append([eventOf(n)]);
      if (n % 10 === 0) await log.flush();
    }
    await eventually(() => expect(read).toEqual(events(0, 100)));
    leave();
  });

  test("are announced once for all that comes in one tick", async () => {
    const job = newJob();
    const heard = await follow(job);
    for (let n = 0; n < 100; n++) side.writer.announce(job);
    await eventually(() => expect(heard.count).toBe(1));
    const other = newJob();
    const sentinel = await follow(other);
    side.writer.announce(other);
    await eventually(() => expect(sentinel.count).toBe(1));
    expect(heard.count).toBe(1);
    for (const { leave } of [heard, sentinel]) leave();
  });

  test("can be followed again by who has left", async () => {
    const job = newJob();
    for (let n = 0; n < 5; n++) {
      const heard = await follow(job);
      side.writer.announce(job);
      await eventually(() => expect(heard.count).toBe(1));
      heard.leave();
    }
  });

  test("are readable without their announcements", async () => {
    const job = newJob();
    const heard = await follow(job);
    heard.leave();
    const log = side.writer.attempt(job, 1);
    log.append(events(0, 3));
    await log.flush();
    expect(await readAll(side.reader, job, 1)).toEqual(events(0, 3));
    expect(heard.count).toBe(0);
  });

  test("that their store does not take end the log, hold nobody up, and leave no gap", async () => {
    const job = newJob();
    const log = side.writer.attempt(job, 1);
    log.append(events(0, 3));
    await log.flush();
    side.errors.length = 0;
    side.line.fault = "refuse";
    side.line.reset();
    log.append(events(3, 6));
    await log.flush();
    side.line.fault = "none";
    expect(side.errors).not.toEqual([]);
    const next = side.writer.attempt(job, 2);
    await eventually(async () => {
      const probe = side.writer.attempt(newJob(), 1);
      probe.append([eventOf(0)]);
      await probe.flush();
      expect(await side.reader.read(`job_${jobs}`, 1, 0)).toEqual([eventOf(0)]);
    });
    log.append(events(6, 9));
    await log.flush();
    next.append(events(0, 2));
    await next.flush();
    expect(await readAll(side.reader, job, 1)).toEqual(events(0, 3));
    expect(await readAll(side.reader, job, 2)).toEqual(events(0, 2));
  });
});
