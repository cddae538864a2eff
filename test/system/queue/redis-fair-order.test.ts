import fc from "fast-check";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openProviderQueues, type ProviderQueues } from "../../../shared/queue/provider-queues.ts";
import { RedisFairOrder } from "../../../shared/queue/redis-fair-order.ts";
import { redisQueueBackend } from "../../../shared/queue/redis-queue-backend.ts";
import { closeRedis, openRedis } from "../../../shared/redis/open-redis.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { queueEntry } from "./queue-rig.ts";

/** This is BullMQ's highest priority number; BullMQ refuses a higher one. */
const HIGHEST = 2_097_151;
const BAND = 524_288;
const HOUR_MS = 3_600_000;

interface Ranked {
  readonly tenant: string;
  readonly priority: number;
}

let redis: TestRedis;
let clients: Redis[];
let orders: RedisFairOrder[];
let prefix: string;
let queues: ProviderQueues;
let turn = 0;

beforeAll(async () => {
  redis = await startTestRedis();
  clients = [1, 2].map(() => openRedis({ url: redis.url, role: "producer", onError: noError }));
  await Promise.all(clients.map((client) => eventually(() => client.ping())));
});
beforeEach(async () => {
  await redis.wipe();
  // Redis learns of starts a little later; a new prefix keeps those of an earlier test out of this
  // one.
  prefix = `test-${++turn}`;
  orders = clients.map((client) => new RedisFairOrder(client, prefix));
  const backend = redisQueueBackend({ url: redis.url, prefix, onError: noError });
  await backend.prepare();
  queues = openProviderQueues(backend, ["p"]);
  return async () => {
    await queues.close();
    await backend.close();
  };
});
afterAll(async () => {
  await Promise.all(clients.map((client) => closeRedis(client)));
  await redis.stop();
});

const noError = (): void => undefined;

/** The API processes take turns, so that a rank which only one of them knew would show. */
function next(): RedisFairOrder {
  const order = orders[turn++ % orders.length];
  if (order === undefined) throw new Error("no order");
  return order;
}

async function add(tenants: string, serviceClass = 1, provider = "p"): Promise<Ranked[]> {
  const ranked: Ranked[] = [];
  for (const tenant of tenants)
    ranked.push({ tenant, priority: await next().rank(provider, serviceClass, tenant) });
  return ranked;
}

/** Resolves when Redis has recorded the start. */
async function left(started: boolean, ...entries: readonly (Ranked | undefined)[]): Promise<void> {
  const order = next();
  for (const entry of entries) order.left("p", entry?.priority ?? 0, started);
  if (!started) return;
  await eventually(async () => {
    for (const entry of entries) {
      const { priority } = entry ?? { priority: 0 };
      const time = await redis.client().get(key("time", Math.floor(priority / BAND)));
      expect(Number(time)).toBeGreaterThanOrEqual(priority % BAND);
    }
  });
}

/** Orders tenants by their turn: the lowest priority number first, equal ones by arrival. */
function served(ranks: readonly Ranked[]): string {
  return ranks
    .toSorted((a, b) => a.priority - b.priority)
    .map(({ tenant }) => tenant)
    .join("");
}

/** Adds an entry to the provider's queue itself. */
async function enqueue(job: string, { priority }: Ranked): Promise<void> {
  await queues.add("p", queueEntry(job), { priority, delayMs: 0 });
}

const key = (name: string, serviceClass = 1): string => `{${prefix}:p}:p:${name}:${serviceClass}`;

/** The order's key looks as if nobody had asked for a turn for two seconds. */
async function passTwoSeconds(): Promise<void> {
  await redis.client().pexpire(key("order"), HOUR_MS - 2_000);
}

describe("inside a class", () => {
  test("two tenants interleave, however many jobs one has sent before", async () => {
    expect(served(await add("aaaaabbb"))).toBe("abababaa");
  });

  test("one tenant's jobs keep their order, whichever process they come through", async () => {
    const ranks = (await add("aaaa")).map(({ priority }) => priority);
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    expect(new Set(ranks).size).toBe(4);
  });

  test("ranks asked for at once by all processes are all different", async () => {
    const ranks = await Promise.all(Array.from({ length: 200 }, () => next().rank("p", 1, "a")));
    expect(new Set(ranks).size).toBe(200);
  });

  test("a newcomer comes next, and not before all that has been served already", async () => {
    const waiting = await add("aaaaaa");
    await left(true, ...waiting.splice(0, 3));
    expect(served([...waiting, ...(await add("b"))])).toBe("abaa");
  });

  test("nobody's old job starves behind his own or others' new ones", async () => {
    const [old, ...rest] = await add("ab");
    let waiting = rest;
    for (let round = 0; round < 50; round++) {
      waiting = [...waiting, ...(await add("bcd"))].toSorted((a, b) => a.priority - b.priority);
      const first = waiting.shift();
      expect(first?.priority).toBeGreaterThanOrEqual(old?.priority ?? 0);
      await left(true, first);
    }
  });

  test("jobs that move away or end unstarted do not push time forward", async () => {
    const [first, second, third] = await add("aaa");
    await left(false, third);
    await left(true, first);
    expect(await add("b")).toMatchObject([{ priority: second?.priority }]);
  });

  test("time does not go back when starts are told late", async () => {
    const [first, second, third] = await add("aaa");
    await left(true, third);
    await left(true, first, second);
    expect(served([...(await add("b")), third ?? { tenant: "", priority: 0 }])).toBe("ab");
  });
});

describe("a class that has emptied", () => {
  test("begins anew", async () => {
    const ranks = await add("aaab");
    await left(true, ...ranks);
    await passTwoSeconds();
    expect(await add("a")).toMatchObject([{ priority: ranks[0]?.priority }]);
  });

  test("not in the middle of a burst, whose entries come after their ranks", async () => {
    const [first, second] = await add("aa");
    await left(true, first);
    const [third] = await add("a");
    expect(third?.priority).toBeGreaterThan(second?.priority ?? 0);
  });

  test("not while entries wait in its queue", async () => {
    const ranks = await add("aaa");
    await enqueue("job", ranks[2] ?? { tenant: "", priority: 0 });
    await left(true, ranks[0]);
    await passTwoSeconds();
    const [late] = await add("a");
    expect(late?.priority).toBeGreaterThan(ranks[2]?.priority ?? 0);
    await queues.remove("p", "job", 0);
    await passTwoSeconds();
    expect(await add("a")).toMatchObject([{ priority: ranks[0]?.priority }]);
  });

  test("also while entries of other classes wait", async () => {
    const [better] = await add("a", 0);
    const [worse] = await add("a", 2);
    await enqueue("better", better ?? { tenant: "", priority: 0 });
    await enqueue("worse", worse ?? { tenant: "", priority: 0 });
    const ranks = await add("aaa");
    await left(true, ...ranks);
    await passTwoSeconds();
    expect(await add("a")).toMatchObject([{ priority: ranks[0]?.priority }]);
  });
});

describe("at the end of its band", () => {
  beforeEach(async () => {
    const [first] = await add("a");
    await redis.client().set(key("time"), String(BAND - 3));
    await enqueue("job", first ?? { tenant: "", priority: 0 });
  });

  test("it keeps to arrival order, and to its class", async () => {
    const ranks = (await add("aaaab")).map(({ priority }) => priority);
    expect(ranks).toEqual([2, 1, 1, 1, 2].map((below) => 2 * BAND - below));
    const [other] = await add("a", 2);
    expect(ranks.at(-1)).toBeLessThan(other?.priority ?? 0);
  });

  test("it begins anew as soon as it is empty", async () => {
    await queues.remove("p", "job", 0);
    expect(await add("a")).toMatchObject([{ priority: BAND + 1 }]);
  });
});

test("classes are strictly ordered, however long the better one is", async () => {
  const best = await add("a".repeat(200), 0);
  for (let serviceClass = 1; serviceClass < 4; serviceClass++) {
    const [worse] = await add("b", serviceClass);
    for (const { priority } of best) expect(priority).toBeLessThan(worse?.priority ?? 0);
  }
});

test("providers and installations do not share an order", async () => {
  const [first] = await add("aaaa");
  expect(await add("a", 1, "other")).toMatchObject([{ priority: first?.priority }]);
  const elsewhere = new RedisFairOrder(redis.client(), "elsewhere");
  expect(await elsewhere.rank("p", 1, "a")).toBe(first?.priority);
});

test("what is kept does not grow with the tenants that have been served, and ends with silence", async () => {
  const ranks = await add("a".repeat(20));
  await Promise.all(Array.from({ length: 500 }, (_, index) => next().rank("p", 1, `t${index}`)));
  await left(true, ranks[10]);
  await add("b");
  // The rest are the tenant whose ranks lie ahead of time, and the newcomer.
  expect(await redis.client().zrange(key("order"), "0", "-1")).toEqual(["b", "a"]);
  const keys = await redis.client().keys("*:[ot]*:1");
  expect(keys.toSorted()).toEqual([key("order"), key("time")]);
  for (const each of keys) expect(await redis.client().pttl(each)).toBeGreaterThan(HOUR_MS / 2);
});

test("a server that has been emptied begins anew", async () => {
  await left(true, ...(await add("aaa")));
  await redis.client().script("FLUSH");
  await redis.wipe();
  expect(await add("bb")).toMatchObject([{ priority: BAND + 1 }, { priority: BAND + 2 }]);
});

test("a priority is never 0, never beyond BullMQ's highest, always in its class's band", async () => {
  const event = fc.record({
    serviceClass: fc.integer({ min: 0, max: 3 }),
    tenant: fc.constantFrom("a", "b", "c"),
    leaves: fc.boolean(),
    started: fc.boolean(),
    pick: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 100 }), async (events) => {
      await redis.wipe();
      const waiting: Ranked[] = [];
      for (const { serviceClass, tenant, leaves, started, pick } of events) {
        if (leaves && waiting.length > 0) {
          await left(started, ...waiting.splice(pick % waiting.length, 1));
          continue;
        }
        const [ranked] = await add(tenant, serviceClass);
        if (ranked === undefined) throw new Error("no rank");
        expect(ranked.priority).toBeGreaterThanOrEqual(1);
        expect(ranked.priority).toBeLessThanOrEqual(HIGHEST);
        expect(Math.floor(ranked.priority / BAND)).toBe(serviceClass);
        waiting.push(ranked);
      }
    }),
    { numRuns: 30 },
  );
});
