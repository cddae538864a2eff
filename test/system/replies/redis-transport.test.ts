import type { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { closeRedis, openRedis } from "../../../shared/redis/open-redis.ts";
import { packEnvelope, type Envelope } from "../../../shared/replies/envelope.ts";
import { RedisTransport } from "../../../shared/replies/redis-transport.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";

const PREFIX = "test";
let redis: TestRedis;
let boxes: Box[];

beforeEach(async () => {
  boxes = [];
  redis = await startTestRedis();
});
afterEach(async () => {
  await Promise.all(boxes.map((box) => box.close()));
  await redis.stop();
});

/** Records the envelopes that a process receives. */
class Box {
  readonly got: { envelope: Envelope; from: string }[] = [];
  readonly errors: Error[] = [];
  readonly transport: RedisTransport;
  readonly #sending: Redis;
  readonly #close: () => Promise<void>;

  constructor(address: string) {
    const onError = (error: Error): void => void this.errors.push(error);
    const clients = (["producer", "consumer"] as const).map((role) =>
      openRedis({ url: redis.url, role, onError }),
    );
    const [sending, reader] = clients;
    if (sending === undefined || reader === undefined) throw new Error("no clients");
    this.transport = new RedisTransport({
      redis: sending,
      reader,
      prefix: PREFIX,
      address,
      onEnvelope: (envelope, from) => void this.got.push({ envelope, from }),
      onError,
    });
    this.#close = async () => {
      await this.transport.close();
      await Promise.all(clients.map((client) => closeRedis(client)));
    };
    boxes.push(this);
    this.#sending = sending;
  }

  get isConnected(): boolean {
    return this.#sending.status === "ready";
  }

  get stops(): string[] {
    return this.got.map(({ envelope }) => (envelope.kind === "stop" ? envelope.job : "?"));
  }

  close(): Promise<void> {
    return this.#close();
  }
}

async function open(address: string): Promise<Box> {
  const box = new Box(address);
  await eventually(() => expect(box.isConnected).toBe(true));
  return box;
}

const inbox = (address: string): string => `${PREFIX}:inbox:${address}`;
const stop = (job: string): Envelope => ({ kind: "stop", job, reason: "test" });
const names = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, index) => `job_${from + index}`);

function result(job: string, bytes: number): Envelope {
  const body = Buffer.alloc(bytes, job);
  const message = { type: "result", contentType: "x", body } as const;
  return { kind: "message", job, fence: 1, seq: 0, message };
}

describe("letters", () => {
  test("of one sender arrive in the order in which they were posted, each once", async () => {
    const [from, to] = [await open("from"), await open("to")];
    to.transport.start();
    for (const job of names(0, 1_000)) {
      void from.transport.post("to", stop(job));
      if (Number(job.slice(4)) % 97 === 0) await eventually(() => expect(to.got).not.toEqual([]));
    }
    await eventually(() => expect(to.got).toHaveLength(1_000));
    expect(to.stops).toEqual(names(0, 1_000));
    expect(new Set(to.got.map(({ from: sender }) => sender))).toEqual(new Set(["from"]));
  });

  test("go to their address only, and back by the sender's name", async () => {
    const [one, two, three] = [await open("one"), await open("two"), await open("three")];
    for (const box of [one, two, three]) box.transport.start();
    void one.transport.post("two", stop("there"));
    await eventually(() => expect(two.stops).toEqual(["there"]));
    void two.transport.post(two.got[0]?.from ?? "", stop("back"));
    await eventually(() => expect(one.stops).toEqual(["back"]));
    expect(three.got).toEqual([]);
  });

  test("of one tick travel together, and are gone once read", async () => {
    const [from, to] = [await open("from"), await open("to")];
    for (const job of names(0, 200)) void from.transport.post("to", stop(job));
    await eventually(async () => expect(await redis.client().xlen(inbox("to"))).toBe(1));
    to.transport.start();
    await eventually(() => expect(to.stops).toEqual(names(0, 200)));
    await eventually(async () => expect(await redis.client().xlen(inbox("to"))).toBe(0));
  });

  test("larger than 256 KB go by a key of their own, which does not outlive them", async () => {
    const [from, to] = [await open("from"), await open("to")];
    const sent = [result("a", 300_000), result("b", 10), result("c", 2_000_000)];
    for (const envelope of sent) void from.transport.post("to", envelope);
    const keys = await eventually(async () => {
      const found = await redis.client().keys(`${PREFIX}:payload:*`);
      expect(found).toHaveLength(2);
      return found;
    });
    for (const key of keys) expect(await redis.client().pttl(key)).toBeGreaterThan(30_000);
    expect(await redis.client().memory("USAGE", inbox("to"))).toBeLessThan(100_000);
    to.transport.start();
    await eventually(() => expect(to.got).toHaveLength(3));
    expect(to.got.map(({ envelope }) => envelope)).toEqual(sent);
    expect(await redis.client().keys(`${PREFIX}:payload:*`)).toEqual([]);
  });

  test("that nobody fetches are forgotten by Redis", async () => {
    const from = await open("from");
    void from.transport.post("nobody", stop("x"));
    await eventually(async () => {
      const left = await redis.client().pttl(inbox("nobody"));
      expect(left).toBeGreaterThan(30_000);
      expect(left).toBeLessThanOrEqual(60_000);
    });
  });

  test("that cannot be read hold up no other", async () => {
    const to = await open("to");
    const { head } = packEnvelope(stop("good"));
    const fields = ["i{", "", `i${head}`, "", `k${head}`, "test:payload:gone", `i${head}`, ""];
    await redis.client().xadd(inbox("to"), "*", "from", "x", ...fields);
    to.transport.start();
    await eventually(() => expect(to.stops).toEqual(["good", "good"]));
    expect(to.errors.map(({ name }) => name)).toEqual(["SyntaxError"]);
    await eventually(async () => expect(await redis.client().xlen(inbox("to"))).toBe(0));
  });
});

describe("a server that comes back", () => {
  test("empty, or with what it had, carries letters again in both directions", async () => {
    const [one, two] = [await open("one"), await open("two")];
    for (const box of [one, two]) box.transport.start();
    void one.transport.post("two", stop("before"));
    await eventually(() => expect(two.stops).toEqual(["before"]));
    await redis.kill();
    void one.transport.post("two", stop("meanwhile"));
    await eventually(() => expect(one.errors).not.toEqual([]));
    await redis.restart();
    let tries = 0;
    await eventually(() => {
      void one.transport.post("two", stop(`after ${++tries}`));
      void two.transport.post("one", stop(`back ${tries}`));
      expect(two.stops.some((job) => job.startsWith("after"))).toBe(true);
      expect(one.stops.some((job) => job.startsWith("back"))).toBe(true);
    });
    await redis.wipe();
    const from = two.got.length;
    void one.transport.post("two", stop("after the wipe"));
    await eventually(() => expect(two.stops.slice(from)).toContain("after the wipe"));
  });

  test("has been read up to a time only once it answers", async () => {
    const to = await open("to");
    to.transport.start();
    const beforeMs = performance.now();
    await eventually(() => expect(to.transport.readSince).toBeGreaterThan(beforeMs));
    await redis.kill();
    await eventually(() => expect(to.errors).not.toEqual([]));
    const awayMs = performance.now();
    const seenAway = to.transport.readSince;
    await eventually(() => expect(to.errors.length).toBeGreaterThan(2));
    expect(to.transport.readSince).toBe(seenAway);
    expect(seenAway).toBeLessThan(awayMs);
    await redis.restart();
    await eventually(() => {
      void to.transport.post("to", stop("a letter ends a read that waits"));
      expect(to.transport.readSince).toBeGreaterThan(awayMs);
    });
  });
});

describe("closing", () => {
  test("sends what was posted, and leaves no inbox behind", async () => {
    const [from, to] = [await open("from"), await open("to")];
    from.transport.start();
    to.transport.start();
    void to.transport.post("from", stop("never read"));
    for (const job of names(0, 600)) void from.transport.post("to", stop(job));
    await from.transport.close();
    await eventually(() => expect(to.stops).toEqual(names(0, 600)));
    expect(await redis.client().exists(inbox("from"))).toBe(0);
  });

  test("does not wait for a server that does not answer", async () => {
    const box = await open("from");
    box.transport.start();
    await redis.freeze();
    void box.transport.post("to", stop("x"));
    await box.transport.close();
    await redis.thaw();
  });
});
