import { describe, expect, test } from "vitest";
import { QueueBacklog } from "../../../api/calls/queue-backlog.ts";
import { startApi } from "./api-server.ts";

const LIMIT_BYTES = 20_000;

/** The body is about this many bytes long. */
function chat(bytes: number) {
  return { model: "chat-free", messages: [{ role: "user", content: "x".repeat(bytes) }] };
}

/** The backlog has room for two of three bodies of 9,000 bytes. */
function startSmall() {
  return startApi({ server: { queueLimitBytes: LIMIT_BYTES } });
}

describe("a full queue", () => {
  test("is a 429 that says when to come again, and leaves nothing behind", async () => {
    await using api = await startSmall();
    const waiting = [1, 2].map(() => api.post("/v1/chat/completions", chat(9_000)));
    await api.queues.untilWaiting("gpu-a", 2);
    const refused = await api.post("/v1/chat/completions", chat(9_000));
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(60);
    expect(Number(refused.headers.get("retry-after-ms"))).toBeGreaterThan(0);
    expect(refused.headers.get("x-should-retry")).toBeNull();
    expect(await refused.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    expect(await api.jobRows()).toHaveLength(2);
    expect(api.providerStates.get("gpu-a")?.placed).toBe(2);
    const small = api.post("/v1/chat/completions", chat(10));
    await api.queues.untilWaiting("gpu-a", 3);
    api.jobs.shutDown();
    for (const answer of await Promise.all([...waiting, small])) expect(answer.status).toBe(503);
  });

  test.each<[string, (api: Awaited<ReturnType<typeof startSmall>>) => Promise<unknown>]>([
    ["answered", async (api) => (await api.worker.take("gpu-a")).answer({})],
    [
      "failed",
      async (api) =>
        (await api.worker.take("gpu-a")).settle("failed", {
          error: { code: "upstream_failed", message: "No." },
        }),
    ],
    ["stopped", (api) => Promise.resolve(api.jobs.stopAll("shutdown"))],
  ])("has room again when a request was %s", async (_how, end) => {
    await using api = await startSmall();
    for (let round = 0; round < 3; round++) {
      const waiting = api.post("/v1/chat/completions", chat(LIMIT_BYTES - 1_000));
      await api.queues.untilWaiting("gpu-a", 1);
      expect((await api.post("/v1/chat/completions", chat(2_000))).status).toBe(429);
      await end(api);
      await waiting;
      await api.jobs.whenEmpty();
    }
  });

  test("has room again when its caller has gone", async () => {
    await using api = await startSmall();
    const abort = new AbortController();
    const gone = api
      .post("/v1/chat/completions", chat(19_000), { signal: abort.signal })
      .catch((error: Error) => error.name);
    await api.queues.untilWaiting("gpu-a", 1);
    abort.abort();
    expect(await gone).toBe("AbortError");
    await api.jobs.whenEmpty();
    const next = api.post("/v1/chat/completions", chat(19_000));
    await (await api.worker.take("gpu-a")).answer({});
    expect((await next).status).toBe(200);
  });

  test("counts what runs too, and not what was never admitted", async () => {
    await using api = await startSmall();
    const refused = await api.makeKey({ budget: { limit_usd: "0.000000001", period: "total" } });
    const headers = { authorization: `Bearer ${refused}` };
    const paid = { ...chat(9_000), model: "chat-small" };
    for (let round = 0; round < 4; round++)
      expect((await api.post("/v1/chat/completions", paid, { headers })).status).toBe(402);
    api.queues.failure = new Error("queue is down");
    for (let round = 0; round < 4; round++)
      expect((await api.post("/v1/chat/completions", chat(9_000))).status).toBe(503);
    api.queues.failure = undefined;
    const running = api.post("/v1/chat/completions", chat(19_000));
    const job = await api.worker.take("gpu-a");
    expect((await api.post("/v1/chat/completions", chat(9_000))).status).toBe(429);
    await job.answer({});
    expect((await running).status).toBe(200);
  });

  test("of Redis, whose memory has run out, is the same to a caller", async () => {
    await using api = await startSmall();
    api.queues.failure = new Error("OOM command not allowed when used memory > 'maxmemory'.");
    const refused = await api.post("/v1/chat/completions", chat(10));
    api.queues.failure = undefined;
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).not.toBeNull();
    await api.database.end.drain();
    expect(await api.jobRows()).toMatchObject([{ state: "failed" }]);
  });
});

describe("the bound", () => {
  test("is read anew each time, since a process's share changes", () => {
    let limit = 100;
    const backlog = new QueueBacklog(() => limit);
    backlog.add(60);
    backlog.check(40);
    limit = 50;
    expect(() => backlog.check(1)).toThrow("The queue is full.");
    backlog.remove(60);
    backlog.check(50);
  });

  test("lets a single body pass that is larger than itself: it could never be sent otherwise", () => {
    const backlog = new QueueBacklog(() => 100);
    backlog.check(1_000);
    backlog.add(1);
    expect(() => backlog.check(1_000)).toThrow("The queue is full.");
  });

  test("leaves room at other providers, and is never passed by all of them together", () => {
    const backlog = new QueueBacklog(() => 1_200, { providers: 3 });
    let bytes = 0;
    const fill = (provider: string): number => {
      for (;;)
        try {
          backlog.check(10, provider);
          backlog.add(10, provider);
          bytes += 10;
        } catch {
          return bytes;
        }
    };
    // Half of the limit is reserved: 200 bytes for each provider.
    expect(fill("a")).toBe(800);
    expect(fill("b")).toBe(1_000);
    expect(fill("c")).toBe(1_200);
    backlog.remove(10, "a");
    backlog.check(10, "b");
  });

  test("takes a first body at a provider that has none, however full the others are", () => {
    const backlog = new QueueBacklog(() => 100, { providers: 2 });
    backlog.add(100, "a");
    backlog.check(90, "b");
    expect(() => backlog.check(1, "a")).toThrow("The queue is full.");
  });

  test("says when there will be room, by how fast bodies have gone of late", () => {
    let nowMs = 60_000;
    const backlog = new QueueBacklog(() => 100, { now: () => nowMs });
    const retryAfterMs = (bytes: number): unknown => {
      try {
        backlog.check(bytes);
      } catch (error) {
        return (error as { retryAfterMs: number }).retryAfterMs;
      }
      return undefined;
    };
    backlog.add(100);
    expect(retryAfterMs(30)).toBe(5_000);
    nowMs += 20_000;
    backlog.remove(20);
    backlog.add(20);
    expect(retryAfterMs(30)).toBe(30_000);
    expect(retryAfterMs(100)).toBe(60_000);
    nowMs += 60_000;
    backlog.remove(80);
    backlog.add(80);
    expect(retryAfterMs(10)).toBe(8_000);
    expect(retryAfterMs(1)).toBe(1_000);
    nowMs += 120_000;
    expect(retryAfterMs(30)).toBe(5_000);
  });
});
