import { beforeEach, describe, expect, test } from "vitest";
import type { AttemptReply } from "../../../../shared/replies/reply-path.ts";
import { breathe, chunk, end, answerHeaders, LossyWire, started } from "./lossy-wire.ts";

const CREDIT_BYTES = 256 * 1024;
let wire: LossyWire;
beforeEach(() => {
  wire = new LossyWire(["worker", "other"]);
});

const attempt = (fence = 1, worker = "worker"): AttemptReply =>
  wire.sender(worker).attempt("api", "job", fence);
const result = {
  type: "result",
  contentType: "application/json",
  body: Buffer.from("{}"),
} as const;
const enqueue = { type: "enqueue", provider: "p", place: 1, delayMs: 0 } as const;

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.finally(() => (settled = true));
  await breathe();
  return settled;
}

/** Returns the kinds of the messages that were posted during `act`. */
async function postedBy(act: () => void | Promise<unknown>): Promise<string[]> {
  const before = wire.posted.length;
  await act();
  return wire.posted.slice(before).map(({ kind }) => kind);
}

describe("acknowledgement", () => {
  test("an end is acknowledged as it comes, and the worker keeps nothing and asks nothing", async () => {
    const inbox = wire.receiver.open("job");
    const reply = attempt();
    for (const message of [started, result, end]) await reply.send(message);
    reply.close();
    wire.deliver("api");
    expect(wire.waiting("worker")).toBe(1);
    wire.deliver("worker");
    expect(await postedBy(() => wire.pass(60_000))).toEqual([]);
    for (const message of [started, result, end]) expect(await inbox.next()).toEqual(message);
  });

  test("so is the word that the job waits again", async () => {
    wire.receiver.open("job");
    const reply = attempt();
    await reply.send(enqueue);
    reply.close();
    expect(await postedBy(() => wire.deliver("api"))).toEqual(["ack"]);
  });

  test("small messages cost none each: a quarter of the credit, once taken, does", async () => {
    const inbox = wire.receiver.open("job");
    const reply = attempt();
    const quarter = CREDIT_BYTES / 4;
    for (let index = 0; index < 64; index++) await reply.send(chunk("x".repeat(quarter / 64)));
    wire.deliver("api");
    const reading = async (): Promise<void> => {
      for (let index = 0; index < 64; index++) await inbox.next();
    };
    expect(await postedBy(reading)).toEqual(["ack"]);
  });

  test("while some is missing, it is asked for twice a second at most", async () => {
    wire.receiver.open("job");
    const reply = attempt();
    await reply.send(started);
    wire.lose("api");
    const gaps = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) await reply.send(chunk("x"));
      wire.deliver("api");
    };
    expect(await postedBy(() => gaps(5))).toEqual([...Array<string>(5).fill("message"), "ack"]);
    wire.nowMs += 400;
    expect(await postedBy(() => gaps(1))).toEqual(["message"]);
    wire.nowMs += 200;
    expect(await postedBy(() => gaps(1))).toEqual(["message", "ack"]);
  });
});

describe("silence", () => {
  test("an owner is asked after two seconds, and again each two seconds", async () => {
    const reply = attempt();
    await reply.send(started);
    const asked: number[] = [];
    for (let ms = 500; ms <= 9_000; ms += 500)
      if ((await postedBy(() => wire.pass(500))).includes("probe")) asked.push(ms);
    expect(asked).toEqual([2_000, 4_000, 6_000, 8_000]);
  });

  test("a result that was lost with everything else is sent again when the owner is asked", async () => {
    const inbox = wire.receiver.open("job");
    const reply = attempt();
    for (const message of [started, result, end]) await reply.send(message);
    reply.close();
    wire.lose("api");
    wire.pass(2_000);
    await wire.deliverAll();
    for (const message of [started, result, end]) expect(await inbox.next()).toEqual(message);
    expect(await postedBy(() => wire.pass(60_000))).toEqual([]);
  });

  test("an owner that never answers is given up two minutes after the attempt's end", async () => {
    const reply = attempt();
    const blocked = reply.send(chunk("x".repeat(CREDIT_BYTES)));
    await reply.send(end);
    wire.pass(300_000);
    wire.lose("api");
    reply.close();
    wire.pass(119_000);
    expect(await postedBy(() => wire.pass(900))).toEqual([]);
    expect(await isSettled(blocked)).toBe(false);
    wire.pass(1_000);
    expect(await blocked).toBe(false);
    expect(await postedBy(() => wire.pass(60_000))).toEqual([]);
  });

  test("an attempt that had nothing to say for minutes is not given up at its end", async () => {
    const inbox = wire.receiver.open("job");
    const reply = attempt();
    await reply.send(started);
    wire.pass(2_000);
    await wire.deliverAll();
    wire.nowMs += 180_000;
    await reply.send(result);
    await reply.send(end);
    reply.close();
    wire.lose("api");
    wire.pass(500);
    wire.pass(2_000);
    await wire.deliverAll();
    for (const message of [started, result, end]) expect(await inbox.next()).toEqual(message);
  });
});

describe("credit", () => {
  test("a chunk that reaches 256 KB untaken waits until the reader has taken enough", async () => {
    const inbox = wire.receiver.open("job");
    const reply = attempt();
    expect(await reply.send(chunk("x".repeat(CREDIT_BYTES - 1)))).toBe(true);
    const blocked = reply.send(chunk("€"));
    await wire.deliverAll();
    expect(await isSettled(blocked)).toBe(false);
    await inbox.next();
    await wire.deliverAll();
    expect(await blocked).toBe(true);
  });

  test("what is not a chunk never waits", async () => {
    wire.receiver.open("job");
    const reply = attempt();
    void reply.send(chunk("x".repeat(CREDIT_BYTES)));
    expect(await isSettled(reply.send(end))).toBe(true);
  });

  test("a lost acknowledgement holds a sender up for seconds, not for ever", async () => {
    const inbox = wire.receiver.open("job");
    const blocked = attempt().send(chunk("x".repeat(CREDIT_BYTES)));
    wire.deliver("api");
    await inbox.next();
    wire.lose("worker");
    wire.pass(2_000);
    await wire.deliverAll();
    expect(await blocked).toBe(true);
  });

  test("chunks of an older attempt that are taken late give a newer one no credit", async () => {
    const inbox = wire.receiver.open("job");
    void attempt(1).send(chunk("x".repeat(CREDIT_BYTES)));
    wire.deliver("api");
    const newer = attempt(2, "other");
    const blocked = newer.send(chunk("y".repeat(CREDIT_BYTES)));
    wire.deliver("api");
    expect(await inbox.next()).toMatchObject({ text: expect.stringMatching(/^x/) });
    await wire.deliverAll();
    expect(await isSettled(blocked)).toBe(false);
    expect(await inbox.next()).toMatchObject({ text: expect.stringMatching(/^y/) });
    await wire.deliverAll();
    expect(await blocked).toBe(true);
  });

  test("results beyond 256 MB wait until owners have acknowledged some", async () => {
    const inboxes = [1, 2, 3].map((index) => wire.receiver.open(`job_${index}`));
    const big = { ...result, body: Buffer.alloc(130 * 1024 * 1024) };
    const replies = [1, 2, 3].map((index) => wire.sender().attempt("api", `job_${index}`, 1));
    expect(await replies[0]?.send(big)).toBe(true);
    expect(await replies[1]?.send(big)).toBe(true);
    const third = replies[2]?.send(result) ?? Promise.resolve();
    expect(await isSettled(third)).toBe(false);
    await replies[0]?.send(end);
    replies[0]?.close();
    await wire.deliverAll();
    expect(await third).toBe(true);
    for (const inbox of inboxes) inbox.close();
  });
});

describe("a reader that closes", () => {
  test("what it has is still there to be read, then null", async () => {
    const inbox = wire.receiver.open("job");
    await attempt().send(chunk("last"));
    wire.deliver("api");
    inbox.close();
    expect(await inbox.next()).toEqual(chunk("last"));
    expect(await inbox.next()).toBeNull();
  });

  test("wakes a reader that waits, and the senders that wait for its credit", async () => {
    const inbox = wire.receiver.open("job");
    const reply = attempt();
    const blocked = [1, 2].map(() => reply.send(chunk("x".repeat(CREDIT_BYTES))));
    await wire.deliverAll();
    await inbox.next();
    await inbox.next();
    const waiting = inbox.next();
    inbox.close();
    expect(await waiting).toBeNull();
    wire.pass(2_000);
    await wire.deliverAll();
    expect(await Promise.all(blocked)).toEqual([false, false]);
    expect(await reply.send(chunk("more"))).toBe(false);
  });

  test("late does not close its successor", async () => {
    const first = wire.receiver.open("job");
    first.close();
    const second = wire.receiver.open("job");
    first.close();
    expect(() => wire.receiver.open("job")).toThrow("an inbox is open for job");
    await attempt().send(end);
    wire.deliver("api");
    expect(await second.next()).toEqual(end);
  });
});

describe("who is heard", () => {
  test("the worker that spoke last is known, and only while it counts", async () => {
    const inbox = wire.receiver.open("job");
    expect(inbox.worker).toBeUndefined();
    const old = attempt(1);
    await old.send(started);
    wire.deliver("api");
    expect(inbox.worker).toBe("worker");
    await attempt(2, "other").send(started);
    wire.deliver("api");
    await old.send(chunk("late"));
    wire.deliver("api");
    expect(inbox.worker).toBe("other");
  });

  test("attempts that are over reach nobody, and hear so", async () => {
    const inbox = wire.receiver.open("job");
    const over = attempt(1);
    await over.send(started);
    wire.deliver("api");
    await inbox.next();
    inbox.endAttempts();
    await over.send(chunk("late"));
    await wire.deliverAll();
    expect(await over.send(chunk("later"))).toBe(false);
    await attempt(2).send(started);
    await wire.deliverAll();
    expect(await inbox.next()).toEqual(started);
  });

  test("an end is noted before it is read", async () => {
    const inbox = wire.receiver.open("job");
    const reply = attempt();
    await reply.send({ type: "head", ...answerHeaders });
    wire.deliver("api");
    expect(inbox.hasEnd).toBe(false);
    await reply.send(end);
    wire.deliver("api");
    expect(inbox.hasEnd).toBe(true);
  });
});

describe("a notice", () => {
  test("reaches the owner beside what attempts say", async () => {
    const inbox = wire.receiver.open("job");
    await attempt().send(started);
    expect(await wire.sender("other").notify("api", "job", enqueue)).toBe(true);
    wire.deliver("api");
    expect([await inbox.next(), await inbox.next()]).toEqual([started, enqueue]);
  });

  test("for a job that nobody waits for is handed to whoever ends it", async () => {
    await wire.sender().notify("api", "job", enqueue);
    wire.deliver("api");
    expect(wire.unknown).toEqual(["job enqueue"]);
  });
});
