import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { EventLog } from "../../../shared/events/event-log.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestRedis } from "../../support/redis.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { openRedisLog } from "./log-side.ts";

let redis: TestRedis;
let line: TcpProxy;
/** These belong to two processes; the first one's connection can be broken. */
let near: Awaited<ReturnType<typeof openRedisLog>>;
let far: Awaited<ReturnType<typeof openRedisLog>>;
let jobs = 0;
const newJob = (): string => `job_${++jobs}`;

beforeAll(async () => {
  redis = await startTestRedis();
  const { hostname, port } = new URL(redis.url);
  line = await startTcpProxy(hostname, Number(port));
  near = await openRedisLog(line.through(redis.url), "test", () => undefined);
  far = await openRedisLog(redis.url, "test", () => undefined);
});
afterEach(() => {
  line.fault = "none";
});
afterAll(async () => {
  await Promise.all([near.close(), far.close()]);
  await line.close();
  await redis.stop();
});

const looking = (): Redis => redis.client();
const events = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => `data: ${from + at}\n\n`);

async function add(log: ReturnType<EventLog["attempt"]>, added: readonly string[]): Promise<void> {
  log.append(added);
  await log.flush();
}

/** Counts the announcements as they arrive. */
async function follow(log: EventLog, job: string): Promise<{ count: number; leave: () => void }> {
  const heard = { count: 0, leave: (): void => undefined };
  heard.leave = await log.follow(job, () => void heard.count++);
  return heard;
}

/**
 * After this, the followers have all announcements that a return owes them: one connection listens
 * for all of them, and its answers arrive in order.
 */
async function hasToldAll(log: EventLog): Promise<void> {
  const { leave } = await follow(log, newJob());
  leave();
}

/** Returns the channels with listeners. */
async function channels(): Promise<string[]> {
  const listened = (await looking().pubsub("CHANNELS", "test:wake:*")) as string[];
  return listened.toSorted();
}

/** Waits until the process's connections work again. */
async function isBack(log: EventLog): Promise<void> {
  const job = newJob();
  await eventually(async () => {
    await add(log.attempt(job, 1), events(0, 1));
    expect(await log.read(job, 1, 0)).toEqual(events(0, 1));
  });
}

test("a log that was wiped goes on with the right numbers, and shows nothing before a gap", async () => {
  const job = newJob();
  const log = near.log.attempt(job, 1);
  await add(log, events(0, 5));
  await redis.wipe();
  expect(await far.log.read(job, 1, 0)).toEqual([]);
  await add(log, events(5, 8));
  expect(await far.log.read(job, 1, 0)).toEqual([]);
  expect(await far.log.read(job, 1, 4)).toEqual([]);
  // A reader who has the first five events misses none.
  expect(await far.log.read(job, 1, 5)).toEqual(events(5, 8));
});

test("a gap in the middle ends what is shown", async () => {
  const job = newJob();
  await add(near.log.attempt(job, 1), events(0, 30));
  await looking().xdel(`test:log:${job}.1`, "21-0");
  expect(await far.log.read(job, 1, 0)).toEqual(events(0, 20));
  expect(await far.log.read(job, 1, 20)).toEqual([]);
  expect(await far.log.read(job, 1, 21)).toEqual(events(21, 30));
});

test("a forgotten job's logs are gone for everybody, other jobs' stay", async () => {
  const [job, other] = [newJob(), newJob()];
  for (const fence of [1, 2]) await add(near.log.attempt(job, fence), events(0, 3));
  await add(near.log.attempt(other, 1), events(0, 3));
  await far.log.forget(job, 2);
  for (const fence of [1, 2]) expect(await near.log.read(job, fence, 0)).toEqual([]);
  expect(await near.log.read(other, 1, 0)).toEqual(events(0, 3));
});

test("a log is kept for an hour after its last event", async () => {
  const job = newJob();
  const key = `test:log:${job}.1`;
  const log = near.log.attempt(job, 1);
  await add(log, events(0, 1));
  expect(await looking().pttl(key)).toBeGreaterThan(3_590_000);
  await looking().pexpire(key, 60_000);
  await add(log, events(1, 2));
  expect(await looking().pttl(key)).toBeGreaterThan(3_590_000);
  expect(await looking().pttl(key)).toBeLessThanOrEqual(3_600_000);
});

test("what was written and never answered counts as kept when it is sent again", async () => {
  const job = newJob();
  const log = near.log.attempt(job, 1);
  await add(log, events(0, 1));
  // The next bytes towards the client are the answer to the next write.
  line.cutAfter(1, "client");
  await add(log, events(1, 3));
  await add(log, events(3, 4));
  expect(await far.log.read(job, 1, 0)).toEqual(events(0, 4));
});

test("a server that answers nothing holds up an attempt's end no longer than a command takes", async () => {
  const job = newJob();
  const log = near.log.attempt(job, 1);
  await add(log, events(0, 2));
  line.fault = "stall";
  log.append(events(2, 3));
  const startMs = performance.now();
  log.append(events(3, 5));
  await log.flush();
  expect(performance.now() - startMs).toBeLessThan(30_000);
  line.fault = "none";
  await isBack(near.log);
  await add(log, events(5, 6));
  // The bytes on the wire may have arrived, but no later ones.
  const read = await far.log.read(job, 1, 0);
  expect([events(0, 2), events(0, 5)]).toContainEqual(read);
});

test("followers of both processes hear again after their server was away, without being asked", async () => {
  const job = newJob();
  const followers = [await follow(near.log, job), await follow(far.log, job)];
  await redis.kill();
  await redis.restart();
  // Each follower is called at once, since it may have missed an event.
  await eventually(() => {
    for (const { count } of followers) expect(count).toBeGreaterThan(0);
  });
  await isBack(near.log);
  await Promise.all([hasToldAll(near.log), hasToldAll(far.log)]);
  const before = followers.map(({ count }) => count);
  near.log.announce(job);
  await eventually(() =>
    expect(followers.map(({ count }) => count)).toEqual(before.map((count) => count + 1)),
  );
  for (const { leave } of followers) leave();
});

test("who follows while the server is away does not wait for it, and hears once it is back", async () => {
  await redis.kill();
  const job = newJob();
  const heard = await follow(near.log, job);
  await expect(near.log.read(job, 1, 0)).rejects.toThrow(/./);
  await redis.restart();
  await eventually(() => expect(heard.count).toBeGreaterThan(0));
  await isBack(near.log);
  // The first call follows the answer to its own question, the second follows the return.
  await hasToldAll(near.log);
  const before = heard.count;
  near.log.announce(job);
  await eventually(() => expect(heard.count).toBe(before + 1));
  heard.leave();
});

test("a process listens only to what its followers want", async () => {
  const [one, two] = [newJob(), newJob()];
  await eventually(async () => expect(await channels()).toEqual([]));
  const first = await follow(near.log, one);
  const second = await follow(near.log, one);
  const other = await follow(near.log, two);
  expect(await channels()).toEqual([`test:wake:${one}`, `test:wake:${two}`]);
  first.leave();
  // The second call changes nothing.
  first.leave();
  other.leave();
  await eventually(async () => expect(await channels()).toEqual([`test:wake:${one}`]));
  far.log.announce(one);
  await eventually(() => expect(second.count).toBe(1));
  expect(first.count).toBe(0);
  second.leave();
  await eventually(async () => expect(await channels()).toEqual([]));
});
