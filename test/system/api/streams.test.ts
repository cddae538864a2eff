import { afterAll, beforeAll, expect, test } from "vitest";
import { startApi, type ApiServer } from "./api-server.ts";

let api: ApiServer;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };

function event(content: string): string {
  return `data: {"choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`;
}

/**
 * Sends until the receiver leaves one chunk untaken for a while; `last` resolves when it is taken.
 */
async function sendUntilStalled(
  send: () => Promise<unknown>,
  limit: number,
): Promise<{ sent: number; last: Promise<unknown> }> {
  for (let sent = 0; sent < limit; sent++) {
    const last = send();
    const late = new Promise((resolve) => setTimeout(resolve, 500, "late"));
    if ((await Promise.race([last, late])) === "late") return { sent, last };
  }
  return { sent: limit, last: Promise.resolve() };
}

const streamed = { ...chat, stream: true };

test("pass events as they come and end with the tail, after the ledger row", async () => {
  const answer = api.post("/v1/chat/completions", streamed);
  const job = await api.worker.take("gpu-a");
  await job.head();
  await job.chunk(event("a"));
  const response = await answer;
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "x-accel-buffering": "no",
    "x-request-id": expect.stringMatching(/^req_/),
    "x-spillway-job-id": job.entry.job,
    "x-spillway-provider": "gpu-a",
    "x-spillway-attempts": "1",
  });
  await job.chunk(event("b"));
  await job.settle("done", { tail: `${event("c")}data: [DONE]\n\n` });
  const text = await response.text();
  expect(text).toBe(`${event("a")}${event("b")}${event("c")}data: [DONE]\n\n`);
});

test("show that they live while the job waits, and know its provider no sooner", async () => {
  await using beating = await startApi({ timings: { heartbeatMs: 20 } });
  const response = await beating.post("/v1/chat/completions", streamed);
  expect(response.headers.get("x-spillway-job-id")).toMatch(/^job_/);
  expect(response.headers.get("x-spillway-provider")).toBeNull();
  const job = await beating.worker.take("gpu-a");
  await job.head();
  await job.chunk(event("a"));
  await job.settle("done", { tail: "data: [DONE]\n\n" });
  const text = await response.text();
  expect(text).toMatch(/^(: keep-alive\n\n)+data: /);
  expect(text.replaceAll(": keep-alive\n\n", "")).toBe(`${event("a")}data: [DONE]\n\n`);
});

test("that fail before their first byte are ordinary errors", async () => {
  const answer = api.post("/v1/chat/completions", streamed);
  const job = await api.worker.take("gpu-a");
  await job.settle("failed", { error: { code: "upstream_failed", message: "No luck." } });
  const response = await answer;
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ error: { code: "upstream_failed" } });
});

test("that fail later say so in an event, without [DONE]", async () => {
  const answer = api.post("/v1/chat/completions", streamed);
  const job = await api.worker.take("gpu-a");
  await job.head();
  await job.chunk(event("a"));
  const response = await answer;
  await job.settle("failed", { error: { code: "upstream_failed", message: "Cut off." } });
  const error = {
    message: "Cut off.",
    type: "server_error",
    code: "upstream_failed",
    param: null,
  };
  expect(await response.text()).toBe(`${event("a")}data: ${JSON.stringify({ error })}\n\n`);
});

test("slow their worker down to the reader's pace", async () => {
  const answer = api.post("/v1/chat/completions", streamed);
  const job = await api.worker.take("gpu-a");
  await job.head();
  const chunk = event("x".repeat(64 * 1_024));
  await job.chunk(chunk);
  const response = await answer;
  const stalled = await sendUntilStalled(() => job.chunk(chunk), 1_000);
  expect(stalled.sent).toBeLessThan(1_000);
  const reading = response.text();
  await stalled.last;
  await job.settle("done", { tail: "data: [DONE]\n\n" });
  const text = await reading;
  expect(text.length).toBe((stalled.sent + 2) * chunk.length + "data: [DONE]\n\n".length);
});

test("hang up on a reader that takes nothing, once the deadline is over", async () => {
  await using impatient = await startApi({ timings: { confirmMs: 100 } });
  const headers = { "x-spillway-deadline-ms": "1500" };
  const answer = impatient.post("/v1/chat/completions", streamed, { headers });
  const job = await impatient.worker.take("gpu-a");
  await job.head();
  const chunk = event("x".repeat(64 * 1_024));
  await job.chunk(chunk);
  const response = await answer;
  await sendUntilStalled(() => job.chunk(chunk), 1_000);
  expect(await job.stopRequested).toBe("deadline");
  await impatient.jobs.whenEmpty();
  expect(await job.chunk(chunk)).toBe(false);
  await expect(response.text()).rejects.toThrow("terminated");
});

test("fail in-band when their worker does not confirm that it stopped", async () => {
  await using impatient = await startApi({ timings: { confirmMs: 100 } });
  const headers = { "x-spillway-deadline-ms": "800" };
  const answer = impatient.post("/v1/chat/completions", streamed, { headers });
  const job = await impatient.worker.take("gpu-a");
  await job.head();
  await job.chunk(event("a"));
  const text = await (await answer).text();
  expect(text.slice(event("a").length)).toMatch(/^data: \{"error":.*"deadline_exceeded".*\}\n\n$/);
});

test("that run to their end while the server closes let it close", async () => {
  const own = await startApi();
  const answer = own.post("/v1/chat/completions", streamed);
  const job = await own.worker.take("gpu-a");
  await job.head();
  await job.chunk(event("a"));
  const response = await answer;
  const closing = own.app.close();
  await job.settle("done", { tail: "data: [DONE]\n\n" });
  expect(await response.text()).toBe(`${event("a")}data: [DONE]\n\n`);
  await closing;
  await own[Symbol.asyncDispose]();
});
