import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closeLostAttempts, type LostJob } from "../../../shared/jobs/lost-attempts.ts";
import { startApi, type ApiServer } from "./api-server.ts";

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };
const streamed = { ...chat, stream: true };
const dollar = { budget: { limit_usd: 1, period: "total" } };

async function rowOf(job: string) {
  return (await api.jobRows()).find(({ id }) => id === job);
}

/** Nothing is left in this process or held in the database. */
async function expectNothingLeft(): Promise<void> {
  await api.jobs.whenEmpty();
  expect(api.providerStates.all().map(({ placed }) => placed)).toEqual([0, 0, 0]);
  expect((await api.budgets()).held).toBe(0n);
  expect(api.queues.waiting("gpu-a")).toEqual([]);
}

/** Closes the hand worker's attempts, as a sweeper does for a dead worker. */
async function loseWorker(): Promise<LostJob> {
  const [lost] = await closeLostAttempts(api.database.pool, "hand-worker", [], 0, 10);
  if (lost === undefined) throw new Error("nothing was lost");
  return lost;
}

describe("disconnect", () => {
  test.each([chat, streamed])("while the job waits ends it and frees its hold", async (body) => {
    const key = await api.makeKey(dollar);
    const abort = new AbortController();
    const headers = { authorization: `Bearer ${key}` };
    const init = { headers, signal: abort.signal };
    const answer = api.post("/v1/chat/completions", body, init).catch((error: Error) => error.name);
    await api.queues.untilWaiting("gpu-a", 1);
    expect((await api.budgets()).held).toBeGreaterThan(0n);
    const job = api.queues.waiting("gpu-a")[0]?.entry.job ?? "";
    abort.abort();
    expect(await answer).toBe("AbortError");
    const line = await api.logLine((each) => each["job"] === job);
    expect(line).toMatchObject({ status: 499, state: "cancelled" });
    expect(await rowOf(job)).toMatchObject({ state: "cancelled", error_code: "disconnect" });
    await expectNothingLeft();
  });

  test("while the job runs stops it, and the log waits for its cost", async () => {
    const abort = new AbortController();
    const answer = api.post("/v1/chat/completions", chat, { signal: abort.signal });
    const failure = answer.catch((error: Error) => error.name);
    const job = await api.worker.take("gpu-a");
    abort.abort();
    expect(await failure).toBe("AbortError");
    expect(await job.stopRequested).toBe("disconnect");
    await job.settle("cancelled", { cost: 70n });
    const line = await api.logLine((each) => each["job"] === job.entry.job);
    expect(line).toMatchObject({ status: 499, state: "cancelled", cost_usd: "0.00000007" });
    expect(await rowOf(job.entry.job)).toMatchObject({
      state: "cancelled",
      cancel_reason: "disconnect",
    });
    await expectNothingLeft();
  });

  test("in the middle of a stream stops it", async () => {
    const abort = new AbortController();
    const answer = api.post("/v1/chat/completions", streamed, { signal: abort.signal });
    const job = await api.worker.take("gpu-a");
    await job.head();
    await job.chunk("data: {}\n\n");
    await answer;
    abort.abort();
    expect(await job.stopRequested).toBe("disconnect");
    expect(await job.chunk("data: {}\n\n")).toBe(true);
    await job.settle("cancelled");
    await expectNothingLeft();
  });
});

describe("deadline", () => {
  test.each([
    { "x-spillway-deadline-ms": "150" },
    { "x-stainless-timeout": "0.15" },
    { "x-stainless-read-timeout": "0.5" },
  ])("of %j ends a waiting job with 504", async (headers) => {
    const response = await api.post("/v1/chat/completions", chat, { headers });
    expect(response.status).toBe(504);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await response.json()).toMatchObject({ error: { code: "deadline_exceeded" } });
    const job = response.headers.get("x-spillway-job-id") ?? "";
    expect(await rowOf(job)).toMatchObject({ state: "expired", error_code: "deadline" });
    await expectNothingLeft();
  });

  test("stops a running job, whose stream then fails in-band", async () => {
    const headers = { "x-spillway-deadline-ms": "800" };
    const answer = api.post("/v1/chat/completions", streamed, { headers });
    const job = await api.worker.take("gpu-a");
    await job.head();
    await job.chunk("data: {}\n\n");
    const response = await answer;
    expect(await job.stopRequested).toBe("deadline");
    await job.settle("expired");
    const text = await response.text();
    expect(text).toMatch(/^data: \{\}\n\ndata: \{"error":.*"deadline_exceeded".*\}\n\n$/);
    await expectNothingLeft();
  });

  test("does not take away a result that is done", async () => {
    const headers = { "x-spillway-deadline-ms": "800" };
    const answer = api.post("/v1/chat/completions", chat, { headers });
    const job = await api.worker.take("gpu-a");
    expect(await job.stopRequested).toBe("deadline");
    await job.answer({ late: "but done" });
    const response = await answer;
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ late: "but done" });
    await expectNothingLeft();
  });

  test.each(["0", "-5", "1.5", "soon", "99999999999"])("of %s is refused", async (deadline) => {
    const headers = { "x-spillway-deadline-ms": deadline };
    const response = await api.post("/v1/chat/completions", chat, { headers });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: "x-spillway-deadline-ms" } });
  });
});

test("a caller without a stream waits no longer than the bound, whatever state the job is in", async () => {
  await using bounded = await startApi({ server: { syncWaitMs: 600 } });
  const waiting = await bounded.post("/v1/chat/completions", chat);
  expect(waiting.status).toBe(504);
  await bounded.queues.untilWaiting("gpu-a", 0);
  const answer = bounded.post("/v1/chat/completions", chat);
  const job = await bounded.worker.take("gpu-a");
  expect(await job.stopRequested).toBe("sync_wait");
  await job.settle("expired", { error: { code: "deadline_exceeded", message: "Late." } });
  const running = await answer;
  expect(running.status).toBe(504);
  expect(await running.json()).toMatchObject({ error: { code: "deadline_exceeded" } });
});

describe("moves", () => {
  test("put the entry into the next queue, unseen by the caller", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const first = await api.worker.take("gpu-a");
    expect(api.providerStates.get("gpu-a")?.placed).toBe(1);
    await first.moveTo(1);
    const second = await api.worker.take("cloud");
    expect([
      api.providerStates.get("gpu-a")?.placed,
      api.providerStates.get("cloud")?.placed,
    ]).toEqual([0, 1]);
    expect(second.entry).toEqual({ ...first.entry, place: 1 });
    await second.answer({ from: "cloud" });
    const response = await answer;
    expect(response.headers.get("x-spillway-provider")).toBe("cloud");
    expect(response.headers.get("x-spillway-attempts")).toBe("2");
    await expectNothingLeft();
  });

  test("take a waiting entry out of its queue", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    await api.queues.untilWaiting("gpu-a", 1);
    const job = api.queues.waiting("gpu-a")[0]?.entry.job ?? "";
    const row = await api.database.move.submit({
      job,
      place: 0,
      fence: null,
      target: 1,
      delay_ms: 0,
      check_ms: 5_000,
    });
    expect(row.verdict).toBe("moved");
    await api.hub.notify("api-test", job, {
      type: "enqueue",
      provider: "cloud",
      place: 1,
      delayMs: 0,
    });
    await (await api.worker.take("cloud")).answer({});
    expect((await answer).status).toBe(200);
    await expectNothingLeft();
  });

  test("a lost entry is queued again, a stale word about a running job is not heeded", async () => {
    const answer = api.post("/v1/chat/completions", streamed);
    const lost = await api.queues.take("gpu-a");
    const again = { type: "enqueue", provider: "gpu-a", place: 0, delayMs: 0 } as const;
    await api.hub.notify("api-test", lost.entry.job, again);
    const job = await api.worker.take("gpu-a");
    expect(job.entry).toEqual(lost.entry);
    await job.head();
    await job.chunk("data: {}\n\n");
    await job.send(again);
    await job.chunk("data: after\n\n");
    const texts = (await answer).body?.pipeThrough(new TextDecoderStream()) ?? [];
    let read = "";
    for await (const text of texts) {
      read += text;
      // The stale message has also been read by then.
      if (text.includes("after")) await job.settle("done", { tail: "data: [DONE]\n\n" });
    }
    expect(read).toBe("data: {}\n\ndata: after\n\ndata: [DONE]\n\n");
    expect(await rowOf(job.entry.job)).toMatchObject({ state: "done", cancel_reason: null });
    await expectNothingLeft();
  });

  test("a lost worker's job begins anew when nothing was forwarded", async () => {
    const answer = api.post("/v1/chat/completions", streamed);
    const lost = await api.worker.take("gpu-a");
    const { place, provider } = await loseWorker();
    await lost.send({ type: "enqueue", provider, place, delayMs: 0 });
    const next = await api.worker.take("gpu-a");
    expect(next.answerHeaders.attempts).toBe(2);
    await next.head();
    await next.settle("done", { tail: "data: [DONE]\n\n" });
    expect(await (await answer).text()).toBe("data: [DONE]\n\n");
    await expectNothingLeft();
  });

  test("a lost worker's stream fails honestly once something was forwarded", async () => {
    const answer = api.post("/v1/chat/completions", streamed);
    const lost = await api.worker.take("gpu-a");
    await lost.head();
    await lost.chunk("data: {}\n\n");
    const response = await answer;
    const { place, provider } = await loseWorker();
    await lost.send({ type: "enqueue", provider, place, delayMs: 0 });
    const text = await response.text();
    expect(text).toMatch(/^data: \{\}\n\ndata: \{"error":.*"answer_lost".*\}\n\n$/);
    expect(await rowOf(lost.entry.job)).toMatchObject({
      state: "failed",
      error_code: "answer_lost",
    });
    await expectNothingLeft();
  });

  test("a job that was asked to end does not begin anew", async () => {
    const abort = new AbortController();
    const answer = api.post("/v1/chat/completions", chat, { signal: abort.signal });
    const failure = answer.catch((error: Error) => error.name);
    const lost = await api.worker.take("gpu-a");
    abort.abort();
    await failure;
    await lost.stopRequested;
    const { place, provider } = await loseWorker();
    await lost.send({ type: "enqueue", provider, place, delayMs: 0 });
    await api.jobs.whenEmpty();
    expect(await rowOf(lost.entry.job)).toMatchObject({ state: "cancelled" });
    await expectNothingLeft();
  });
});

test("a message for a job that is not here reaches nobody", async () => {
  const message = { type: "enqueue", provider: "gpu-a", place: 0, delayMs: 0 } as const;
  expect(await api.hub.notify("api-test", "job_unknown", message)).toBe(false);
});

describe("shutdown", () => {
  test("takes no more requests, lets running ones end, and ends the rest when told", async () => {
    const own = await startApi();
    const finishing = own.post("/v1/chat/completions", chat);
    const job = await own.worker.take("gpu-a");
    const waiting = own.post("/v1/chat/completions", streamed);
    await own.queues.untilWaiting("gpu-a", 1);
    const closing = own.app.close();
    await job.answer({ done: true });
    expect((await finishing).status).toBe(200);
    expect(own.jobs.size).toBe(1);
    own.jobs.shutDown();
    const response = await waiting;
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: "unavailable" } });
    await closing;
    await expect(fetch(own.address)).rejects.toThrow("fetch failed");
    await own[Symbol.asyncDispose]();
  });
});
