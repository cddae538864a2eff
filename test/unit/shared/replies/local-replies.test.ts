import { beforeEach, describe, expect, test } from "vitest";
import type { ReplyMessage } from "../../../../shared/contracts/reply.ts";
import { LocalReplyHub } from "../../../../shared/replies/local-replies.ts";

const CREDIT_BYTES = 256 * 1024;
let hub: LocalReplyHub;
beforeEach(() => {
  hub = new LocalReplyHub();
});

/** Sends as the first attempt of a job. */
const say = (job: string, message: ReplyMessage) => hub.attempt("api", job, 1).send(message);
const chunk = (text: string) => ({ type: "chunk", text }) as const;
const enqueue = { type: "enqueue", provider: "p", place: 1, delayMs: 0 } as const;

/** The promise is asked after everything that can run has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.finally(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe("order", () => {
  test("messages arrive as they were sent, before and after the reader waits", async () => {
    const inbox = hub.open("job");
    await say("job", chunk("1"));
    await say("job", chunk("2"));
    expect(await inbox.next()).toEqual(chunk("1"));
    expect(await inbox.next()).toEqual(chunk("2"));
    const waiting = inbox.next();
    void say("job", chunk("3"));
    void say("job", chunk("4"));
    void say("job", enqueue);
    expect(await waiting).toEqual(chunk("3"));
    expect(await inbox.next()).toEqual(chunk("4"));
    expect(await inbox.next()).toEqual(enqueue);
  });

  test("also when the senders wait for credit", async () => {
    const inbox = hub.open("job");
    const big = "x".repeat(CREDIT_BYTES);
    const sent = ["1", "2", "3"].map((name) => say("job", chunk(name + big)));
    const end = say("job", enqueue);
    for (const name of ["1", "2", "3"])
      expect(await inbox.next()).toMatchObject({ text: name + big });
    expect(await inbox.next()).toEqual(enqueue);
    expect(await Promise.all([...sent, end])).toEqual([true, true, true, true]);
  });

  test("jobs do not hear each other", async () => {
    const [one, two] = [hub.open("job_1"), hub.open("job_2")];
    await say("job_2", chunk("two"));
    await say("job_1", chunk("one"));
    expect(await one.next()).toEqual(chunk("one"));
    expect(await two.next()).toEqual(chunk("two"));
  });
});

describe("credit", () => {
  test("a chunk that reaches 256 KB unread waits until the reader has taken enough", async () => {
    const inbox = hub.open("job");
    expect(await say("job", chunk("x".repeat(CREDIT_BYTES - 1)))).toBe(true);
    const blocked = say("job", chunk("y"));
    expect(await isSettled(blocked)).toBe(false);
    await inbox.next();
    expect(await blocked).toBe(true);
  });

  test("bytes count, not characters", async () => {
    hub.open("job");
    const third = "€".repeat(CREDIT_BYTES / 3 + 1);
    expect(await isSettled(say("job", chunk(third)))).toBe(false);
  });

  test("a reader that takes everything never makes a sender wait", async () => {
    const inbox = hub.open("job");
    let received = 0;
    const reading = (async () => {
      for (
        let message = await inbox.next();
        message?.type === "chunk";
        message = await inbox.next()
      )
        received += message.text.length;
    })();
    for (let index = 0; index < 100; index++)
      expect(await say("job", chunk("x".repeat(100_000)))).toBe(true);
    await say("job", enqueue);
    await reading;
    expect(received).toBe(10_000_000);
  });

  test("what is not a chunk never waits: an end may not be held up by a slow reader", async () => {
    hub.open("job");
    void say("job", chunk("x".repeat(CREDIT_BYTES)));
    expect(await isSettled(say("job", enqueue))).toBe(true);
  });
});

describe("closing", () => {
  test("wakes the reader with null", async () => {
    const inbox = hub.open("job");
    const waiting = inbox.next();
    inbox.close();
    expect(await waiting).toBeNull();
    expect(await inbox.next()).toBeNull();
  });

  test("wakes every sender that waits for credit with false", async () => {
    const inbox = hub.open("job");
    const blocked = [1, 2, 3].map(() => say("job", chunk("x".repeat(CREDIT_BYTES))));
    expect(await isSettled(Promise.race(blocked))).toBe(false);
    inbox.close();
    expect(await Promise.all(blocked)).toEqual([false, false, false]);
  });

  test("keeps what had arrived for the reader, then says null", async () => {
    const inbox = hub.open("job");
    await say("job", chunk("last"));
    inbox.close();
    expect(await inbox.next()).toEqual(chunk("last"));
    expect(await inbox.next()).toBeNull();
  });

  test("after it, and for a job that nobody waits for, sending says false", async () => {
    const inbox = hub.open("job");
    inbox.close();
    inbox.close();
    expect(await say("job", chunk("x"))).toBe(false);
    expect(await say("unknown", chunk("x"))).toBe(false);
  });

  test("an inbox closed late does not close its successor", async () => {
    const first = hub.open("job");
    first.close();
    const second = hub.open("job");
    first.close();
    expect(await say("job", chunk("x"))).toBe(true);
    expect(await second.next()).toEqual(chunk("x"));
  });

  test("a job has one inbox at a time", () => {
    hub.open("job");
    expect(() => hub.open("job")).toThrow("an inbox is open for job");
  });
});
