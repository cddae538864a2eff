import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { ReplyMessage } from "../../../shared/contracts/reply.ts";
import type { AttemptReply, ReplyInbox } from "../../../shared/replies/reply-path.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestRedis } from "../../support/redis.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { chunk, end, started } from "../../unit/shared/replies/lossy-wire.ts";
import { openReplySide, type ReplySide } from "./reply-side.ts";

let redis: TestRedis;
let api: ReplySide;
let worker: ReplySide;
let open: ReplySide[];

beforeEach(async () => {
  redis = await startTestRedis();
  open = [];
  [api, worker] = await Promise.all([openSide("api"), openSide("worker")]);
});
afterEach(async () => {
  await Promise.all(open.map((side) => side.close(0)));
  await redis.stop();
});

async function openSide(address: string, redisUrl = redis.url): Promise<ReplySide> {
  const side = await openReplySide(address, redisUrl);
  open.push(side);
  return side;
}

async function sendAll(reply: AttemptReply, messages: readonly ReplyMessage[]): Promise<void> {
  for (const message of messages) expect(await reply.send(message)).toBe(true);
  reply.close();
}

async function readAll(inbox: ReplyInbox, onMessage?: (count: number) => Promise<void>) {
  const read: ReplyMessage[] = [];
  for (let message = await inbox.next(); message !== null; message = await inbox.next()) {
    read.push(message);
    await onMessage?.(read.length);
    if (message.type === "end") break;
  }
  inbox.close();
  return read;
}

/** The chunks have a megabyte and a half, so that credit must be given back many times. */
const long: ReplyMessage[] = [
  started,
  ...Array.from({ length: 150 }, (_, index) => chunk(`${index} `.padEnd(10_000, "€"))),
  { type: "result", contentType: "text/event-stream", tail: "data: [DONE]\n\n" },
  end,
];

describe("over Redis", () => {
  test("a long stream comes whole and in order, with attempts of other jobs between", async () => {
    const jobs = ["job_1", "job_2", "job_3"];
    const reading = jobs.map((job) => readAll(api.receiver.open(job)));
    await Promise.all(jobs.map((job) => sendAll(worker.sender.attempt("api", job, 1), long)));
    expect(await Promise.all(reading)).toEqual([long, long, long]);
  });

  test("an answer of some megabytes comes whole", async () => {
    const body = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => index % 251));
    const sent = [started, { type: "result", contentType: "x", body } as const, end];
    const reading = readAll(api.receiver.open("job"));
    await sendAll(worker.sender.attempt("api", "job", 1), sent);
    const read = await reading;
    expect(read.map(({ type }) => type)).toEqual(["started", "result", "end"]);
    const [, result] = read;
    expect(result?.type === "result" && result.body?.equals(body)).toBe(true);
  });

  test("a caller who goes away stops the sender", async () => {
    const inbox = api.receiver.open("job");
    const reply = worker.sender.attempt("api", "job", 1);
    await reply.send(started);
    await inbox.next();
    inbox.close();
    await eventually(async () => expect(await reply.send(chunk("x"))).toBe(false));
  });

  test("a request to stop reaches the worker that is named, and none is needed for nobody", async () => {
    api.stops.request("job_1", "disconnect", "worker");
    api.stops.request("job_2", "disconnect", null);
    await eventually(() => expect(worker.stopped).toContain("job_1 disconnect"));
    expect([...worker.stopped, ...api.stopped].join()).not.toContain("job_2");
    expect(api.stopped).not.toContain("job_1 disconnect");
  });

  test("a notice for a job that nobody waits for is handed over", async () => {
    const notice = { type: "enqueue", provider: "p", place: 0, delayMs: 0 } as const;
    await worker.sender.notify("api", "job", notice);
    await eventually(() => expect(api.unknown).toEqual(["job enqueue"]));
  });

  test("closing waits until what was said has been acknowledged", async () => {
    const inbox = api.receiver.open("job");
    const reply = worker.sender.attempt("api", "job", 1);
    const sending = sendAll(reply, [started, ...long.slice(1, 5), end]);
    await sending;
    await worker.close(5_000);
    const read = await readAll(inbox);
    expect(read).toEqual([started, ...long.slice(1, 5), end]);
  });
});

describe("when Redis loses what it had", () => {
  test("of a stream whose caller is slow to be reached, the caller misses nothing", async () => {
    const { hostname, port } = new URL(redis.url);
    const proxy = await startTcpProxy(hostname, Number(port));
    onTestFinished(() => proxy.close());
    const far = await openSide("far", proxy.through(redis.url));
    const reading = readAll(far.receiver.open("job"));
    proxy.fault = "stall";
    const sending = sendAll(worker.sender.attempt("far", "job", 1), long);
    // The first message has woken the reader's request; the following ones wait in the inbox.
    await eventually(async () =>
      expect(await redis.client().xlen("test:inbox:far")).toBeGreaterThan(1),
    );
    await redis.wipe();
    proxy.fault = "none";
    await sending;
    expect(await reading).toEqual(long);
  });

  test("by a restart in the middle of a stream, the caller misses nothing", async () => {
    const reading = readAll(api.receiver.open("job"), async (count) => {
      if (count === 60) await redis.restart();
    });
    await sendAll(worker.sender.attempt("api", "job", 1), long);
    expect(await reading).toEqual(long);
  });

  test("and everything that an attempt said, the caller hears it all later", async () => {
    const inbox = api.receiver.open("job");
    await redis.kill();
    worker.errors.length = 0;
    await eventually(() => {
      worker.stops.request("nobody", "x", "nobody");
      expect(worker.errors.join()).toContain("isn't writeable");
    });
    const said = [started, chunk("lost at first"), end];
    await sendAll(worker.sender.attempt("api", "job", 1), said);
    await redis.restart();
    expect(await readAll(inbox)).toEqual(said);
  });
});
