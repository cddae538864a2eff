import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findEnded } from "../../../shared/jobs/find-ended.ts";
import { closeLostAttempts } from "../../../shared/jobs/lost-attempts.ts";
import { eventually } from "../../support/eventually.ts";
import { startApi, type ApiServer } from "./api-server.ts";
import type { RunningJob } from "./hand-worker.ts";

const REQUEUE_MS = 100;
let api: ApiServer;
beforeAll(async () => {
  api = await startApi({ timings: { requeueMs: REQUEUE_MS, confirmMs: 200 } });
});
afterAll(() => api[Symbol.asyncDispose]());

const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };
const streamed = { ...chat, stream: true };
const body = (json: unknown): Buffer => Buffer.from(JSON.stringify(json));
const answerHeaders = { provider: "gpu-a", location: "local", attempts: 2, queueMs: 0 } as const;

/**
 * Closes the hand worker's attempts, as a sweeper does for a dead worker, without a message to the
 * owner.
 */
async function loseWorker(): Promise<{ place: number; provider: string }> {
  const [lost] = await closeLostAttempts(api.database.pool, "hand-worker", [], 0, 10);
  if (lost === undefined) throw new Error("nothing was lost");
  return lost;
}

async function claimAgain(job: string, place: number): Promise<number> {
  const claim = await api.database.claim.submit({
    job,
    place,
    provider: "gpu-a",
    nonce: randomUUID(),
    worker: "worker-2",
  });
  if (claim.verdict !== "claimed") throw new Error(claim.verdict);
  return claim.fence;
}

async function stateOf(job: string): Promise<string | undefined> {
  return (await api.jobRows()).find(({ id }) => id === job)?.state;
}

describe("an attempt after one whose bytes have been forwarded", () => {
  test("is not mixed in: the stream fails honestly, and the attempt is stopped", async () => {
    const answer = api.post("/v1/chat/completions", streamed);
    const first = await api.worker.take("gpu-a");
    const { job } = first.entry;
    await first.head();
    await first.chunk("data: first\n\n");
    const response = await answer;
    const { place } = await loseWorker();
    // Another worker has run the job at its new place before the owner learns of it.
    const fence = await claimAgain(job, place);
    expect(fence).toBe(2);
    const second = api.hub.attempt("api-test", job, fence);
    await second.send({ type: "started", ...answerHeaders });
    await second.send({ type: "head", ...answerHeaders });
    await second.send({ type: "chunk", text: "data: second\n\n" });
    const text = await response.text();
    expect(text).toMatch(/^data: first\n\ndata: \{"error":.*"answer_lost".*\}\n\n$/);
    expect(await first.stopRequested).toBe("answer_lost");
    await api.jobs.whenEmpty();
    expect(await second.send({ type: "chunk", text: "data: more\n\n" })).toBe(false);
  });

  test("takes over unseen while nothing was forwarded", async () => {
    const answer = api.post("/v1/chat/completions", streamed);
    const first = await api.worker.take("gpu-a");
    await first.head();
    const { place } = await loseWorker();
    const fence = await claimAgain(first.entry.job, place);
    const second = api.hub.attempt("api-test", first.entry.job, fence);
    await second.send({ type: "started", ...answerHeaders });
    await second.send({ type: "head", ...answerHeaders });
    expect(await first.chunk("data: late\n\n")).toBe(false);
    await second.send({ type: "chunk", text: "data: second\n\n" });
    await second.send({
      type: "result",
      contentType: "text/event-stream",
      tail: "data: [DONE]\n\n",
    });
    await second.send({ type: "end", state: "done", answerHeaders });
    const text = await (await answer).text();
    expect(text).toBe("data: second\n\ndata: [DONE]\n\n");
  });
});

describe("the answer of an attempt that did not count", () => {
  test("is not given out for the next one's", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const first = await api.worker.take("gpu-a");
    await first.send({ type: "result", contentType: "application/json", body: body({ from: 1 }) });
    const { place, provider } = await loseWorker();
    await first.send({ type: "enqueue", provider, place, delayMs: 0 });
    const second = await api.worker.take("gpu-a");
    await second.answer({ from: 2 });
    expect(await (await answer).json()).toEqual({ from: 2 });
  });

  test("nor when the next one's is lost", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const first = await api.worker.take("gpu-a");
    await first.send({ type: "result", contentType: "application/json", body: body({ from: 1 }) });
    const { place } = await loseWorker();
    await claimAgain(first.entry.job, place);
    await settleSilently(first, 2);
    await recordEnded(first.entry.job);
    const response = await answer;
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { code: "answer_lost" } });
  });
});

describe("a job whose row says that it is done, while its worker says nothing more", () => {
  test("is answered with the result that came before the ledger row, and its cost", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const job = await api.worker.take("gpu-a");
    await job.send({ type: "result", contentType: "application/json", body: body({ kept: true }) });
    await settleSilently(job, 1, 1_000n);
    await recordEnded(job.entry.job);
    const response = await answer;
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ kept: true });
    expect(response.headers.get("x-spillway-cost-usd")).toBe("0.000001");
  });

  test("fails honestly without it", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const job = await api.worker.take("gpu-a");
    await settleSilently(job, 1);
    await recordEnded(job.entry.job);
    const response = await answer;
    expect(response.status).toBe(502);
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(await response.json()).toMatchObject({ error: { code: "answer_lost" } });
  });
});

describe("an entry that the queue did not take", () => {
  test("is offered again until it is taken", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const first = await api.worker.take("gpu-a");
    await withoutQueue(async () => {
      await first.moveTo(1);
      await untilRefused(first.entry.job, 2);
      expect(api.queues.waiting("cloud")).toEqual([]);
    });
    const second = await api.worker.take("cloud");
    expect(second.entry).toEqual({ ...first.entry, place: 1 });
    await second.answer({ from: "cloud" });
    expect((await answer).status).toBe(200);
  });

  test("is not once the job waits elsewhere", async () => {
    const answer = api.post("/v1/chat/completions", chat);
    const first = await api.worker.take("gpu-a");
    const { job } = first.entry;
    await withoutQueue(async () => {
      await first.moveTo(1);
      await untilRefused(job, 1);
    });
    const moved = await api.database.move.submit({
      job,
      place: 1,
      fence: null,
      target: 0,
      delay_ms: 0,
      check_ms: 5_000,
    });
    expect(moved).toMatchObject({ verdict: "moved", provider: "gpu-a", place: 2 });
    await api.hub.notify("api-test", job, {
      type: "enqueue",
      provider: "gpu-a",
      place: 2,
      delayMs: 0,
    });
    const second = await api.worker.take("gpu-a");
    expect(second.entry.place).toBe(2);
    await pass(3 * REQUEUE_MS);
    expect(api.queues.waiting("cloud")).toEqual([]);
    await second.answer({});
    expect((await answer).status).toBe(200);
  });

  test("is not once the job has ended", async () => {
    const abort = new AbortController();
    const answer = api
      .post("/v1/chat/completions", chat, { signal: abort.signal })
      .catch((error: Error) => error.name);
    const first = await api.worker.take("gpu-a");
    await withoutQueue(async () => {
      await first.moveTo(1);
      await untilRefused(first.entry.job, 1);
      abort.abort();
      expect(await answer).toBe("AbortError");
      await api.jobs.whenEmpty();
    });
    await pass(3 * REQUEUE_MS);
    expect(api.queues.waiting("cloud")).toEqual([]);
    expect(await stateOf(first.entry.job)).toBe("cancelled");
  });
});

/** Settles as done, without a message to the owner. */
async function settleSilently(job: RunningJob, fence: number, cost = 0n): Promise<void> {
  const row = await api.database.settle.submit({
    job: job.entry.job,
    fence,
    state: "done",
    status: "ok",
    error_code: null,
    prompt_tokens: 1,
    completion_tokens: 1,
    estimated: false,
    cost: String(cost),
    ttft_ms: 1,
    total_ms: 2,
  });
  expect(row.state).toBe("done");
}

/** Records the end, as the watch does after its wait. */
async function recordEnded(id: string): Promise<void> {
  const [row] = await findEnded(api.database.pool, [{ id, worker: undefined }]);
  const job = [...api.jobs.all()].find((owned) => owned.id === id);
  if (row === undefined || job === undefined) throw new Error("no such job");
  job.recordEnded(row);
}

async function withoutQueue(act: () => Promise<void>): Promise<void> {
  api.queues.failure = new Error("queue is down");
  try {
    await act();
  } finally {
    api.queues.failure = undefined;
  }
}

async function untilRefused(job: string, count: number): Promise<void> {
  await eventually(() => {
    const found = api.logged.filter(
      (line) => line["job"] === job && line["msg"] === "queue did not take an entry",
    );
    expect(found.length).toBeGreaterThanOrEqual(count);
  });
}

/** Anything that must not happen would have happened in this time. */
async function pass(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
test("a job that another asked to stop before its caller's wait was over ends as its row says", async () => {
  await using bounded = await startApi({ server: { syncWaitMs: 600 } });
  const answer = bounded.post("/v1/chat/completions", chat);
  const job = await bounded.worker.take("gpu-a");
  expect(await job.stopRequested).toBe("sync_wait");
  await job.settle("cancelled", { error: { code: "cancelled", message: "Stopped." } });
  const response = await answer;
  expect(response.status).toBe(499);
  expect(await response.json()).toMatchObject({ error: { code: "cancelled" } });
});
