import { afterAll, beforeAll, expect, test } from "vitest";
import { chatBody, eventsOf, startJobsRig, WHOLE, type JobsRig, type JobView } from "./jobs-rig.ts";

let rig: JobsRig;
beforeAll(async () => {
  rig = await startJobsRig();
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

const prefer = (value: string) => ({ headers: { prefer: value } });
const untilDone = (id: string) => rig.json<JobView>(`/jobs/${id}?wait=10`);

const requests = {
  "/chat/completions": chatBody("chat"),
  "/completions": { model: "chat", prompt: "Hi" },
  "/embeddings": { model: "embed", input: ["one", "two"] },
  "/responses": { model: "chat", input: "Hi" },
} as const;

test.each(Object.entries(requests))("a job instead of the answer of %s", async (path, body) => {
  const answer = await rig.ask(path, { body, ...prefer("respond-async") });
  expect(answer.status).toBe(202);
  const job = JSON.parse(answer.text) as JobView;
  expect(job).toMatchObject({ object: "job", endpoint: `/v1${path}`, model: body.model });
  expect(job.id).toMatch(/^job_[0-9a-f]{32}$/);
  expect(["queued", "in_progress", "completed"]).toContain(job.status);
  expect(answer.headers.get("location")).toBe(`/v1/jobs/${job.id}`);
  expect(answer.headers.get("preference-applied")).toBe("respond-async");
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(answer.headers.get("x-spillway-job-id")).toBe(job.id);
  expect((await untilDone(job.id)).status).toBe("completed");
  const result = await rig.ask(`/jobs/${job.id}/result`);
  expect(result.status).toBe(200);
  const sync = JSON.parse((await rig.ask(path, { body })).text) as Record<string, unknown>;
  const differs = new Set(["id", "created", "created_at", "completed_at", "output"]);
  const same = Object.entries(sync).filter(([name]) => !differs.has(name));
  expect(JSON.parse(result.text)).toMatchObject(Object.fromEntries(same));
});

test("embeddings as base64 are the bytes of the sync call", async () => {
  const body = { model: "embed", input: "one", encoding_format: "base64" };
  const answer = await rig.ask("/embeddings", { body, ...prefer("respond-async, wait=10") });
  expect(answer.status).toBe(200);
  const sync = await rig.ask("/embeddings", { body });
  expect(sync.text).toMatch(/"embedding": ?"/);
  expect(answer.text).toBe(sync.text);
  const result = await rig.ask(`/jobs/${answer.headers.get("x-spillway-job-id")}/result`);
  expect(result.text).toBe(sync.text);
  expect(result.headers.get("content-type")).toBe(sync.headers.get("content-type"));
});

test("sync if quick: the very bytes of the sync call", async () => {
  const body = chatBody("played");
  const sync = rig.ask("/chat/completions", { body });
  (await rig.played.next()).answer(WHOLE);
  const both = rig.ask("/chat/completions", { body, ...prefer("respond-async, wait=10") });
  (await rig.played.next()).answer(WHOLE);
  const [a, b] = await Promise.all([sync, both]);
  expect(b.status).toBe(200);
  expect(b.bytes.equals(a.bytes)).toBe(true);
  expect(b.bytes.equals(Buffer.from(WHOLE))).toBe(true);
  expect(b.headers.get("content-type")).toBe(a.headers.get("content-type"));
  expect(b.headers.get("preference-applied")).toBe("respond-async, wait=10");
  expect(b.headers.get("retry-after")).toBeNull();
  const result = await rig.ask(`/jobs/${b.headers.get("x-spillway-job-id")}/result`);
  expect(result.bytes.equals(a.bytes)).toBe(true);
});

test("not quick: the job, which goes on", async () => {
  const asked = { body: chatBody("played"), ...prefer("wait=1, respond-async") };
  const startedAt = performance.now();
  const answer = await rig.ask("/chat/completions", asked);
  expect(performance.now() - startedAt).toBeGreaterThan(950);
  expect(answer.status).toBe(202);
  expect(answer.headers.get("preference-applied")).toBe("respond-async, wait=1");
  const job = JSON.parse(answer.text) as JobView;
  expect(job.status).toBe("in_progress");
  (await rig.played.next()).answer(WHOLE);
  expect((await untilDone(job.id)).status).toBe("completed");
  expect((await rig.ask(`/jobs/${job.id}/result`)).text).toBe(WHOLE);
});

test("a failure that comes quickly is the sync call's, and the result says the same", async () => {
  const upstreamError = {
    error: { message: "no such thing", type: "x", code: "y", param: "messages" },
  };
  const body = chatBody("played");
  const sync = rig.ask("/chat/completions", { body });
  (await rig.played.next()).answer(upstreamError, 400);
  const both = rig.ask("/chat/completions", { body, ...prefer("respond-async, wait=10") });
  (await rig.played.next()).answer(upstreamError, 400);
  const [a, b] = await Promise.all([sync, both]);
  const result = await rig.ask(`/jobs/${b.headers.get("x-spillway-job-id")}/result`);
  expect(a.status).toBe(400);
  for (const other of [b, result]) {
    expect(other.status).toBe(400);
    expect(other.text).toBe(a.text);
    expect(other.headers.get("x-should-retry")).toBe(a.headers.get("x-should-retry"));
  }
});

test("wait alone: the answer, or 504 when it takes longer", async () => {
  const quick = await rig.ask("/chat/completions", {
    body: chatBody("chat"),
    ...prefer("wait=10"),
  });
  expect(quick.status).toBe(200);
  expect(quick.headers.get("preference-applied")).toBe("wait=10");
  expect(quick.headers.get("location")).toBeNull();
  const slow = rig.ask("/chat/completions", { body: chatBody("once"), ...prefer("wait=1") });
  const call = await rig.played.next();
  expect((await slow).status).toBe(504);
  expect((await slow).headers.get("x-should-retry")).toBe("false");
  await call.closed;
});

test("a stream is not waited for: a job whose events and result are the stream", async () => {
  const body = chatBody("played", { stream: true });
  const sync = rig.ask("/chat/completions", { body });
  const play = async () => {
    const call = await rig.played.next();
    call.chunk("a");
    call.chunk("b\u2028\u0000");
    call.done();
  };
  await play();
  const both = rig.ask("/chat/completions", { body, ...prefer("respond-async, wait=10") });
  const answer = await both;
  expect(answer.status).toBe(202);
  await play();
  const { id } = JSON.parse(answer.text) as JobView;
  expect((await untilDone(id)).status).toBe("completed");
  const result = await rig.ask(`/jobs/${id}/result`);
  expect(result.headers.get("content-type")).toContain("text/event-stream");
  expect(result.text).toBe((await sync).text);
});

test("a stream of a response, too", async () => {
  const body = { model: "played", input: "Hi", stream: true };
  const answer = await rig.ask("/responses", { body, ...prefer("respond-async") });
  expect(answer.status).toBe(202);
  const call = await rig.played.next();
  call.chunk("a");
  call.done();
  const { id } = JSON.parse(answer.text) as JobView;
  await untilDone(id);
  const result = await rig.ask(`/jobs/${id}/result`);
  const stream = await rig.ask(`/responses/resp_${id.slice(4)}?stream=true`);
  expect(eventsOf(result.text)[0]?.event).toBe("response.created");
  expect(result.text).toBe(stream.text);
});

test("background answers with the response, whatever is preferred", async () => {
  const body = { model: "chat", input: "Hi", background: true };
  const answer = await rig.ask("/responses", { body, ...prefer("respond-async") });
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.text)).toMatchObject({ object: "response", background: true });
});

test("a malformed wait is refused and makes no job", async () => {
  const count = async () =>
    (await rig.broker.database.pool.query("select from jobs")).rowCount ?? 0;
  const before = await count();
  const answer = await rig.ask("/chat/completions", {
    body: chatBody("chat"),
    ...prefer("respond-async, wait=soon"),
  });
  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { param: "Prefer" } });
  expect(await count()).toBe(before);
});

test("what cannot be accepted is refused as the sync call is", async () => {
  const wrong = [
    ["/chat/completions", chatBody("nowhere"), 404],
    ["/chat/completions", { model: "chat" }, 400],
    ["/embeddings", { model: "chat", input: "x" }, 400],
  ] as const;
  for (const [path, body, status] of wrong) {
    const sync = await rig.ask(path, { body });
    const answer = await rig.ask(path, { body, ...prefer("respond-async") });
    expect(answer.status).toBe(status);
    expect(answer.text).toBe(sync.text);
    expect(answer.headers.get("location")).toBeNull();
  }
  const { key } = await rig.broker.key({ budget: { limit_usd: "0.000001", period: "month" } });
  const broke = await rig.ask("/chat/completions", {
    key,
    body: chatBody("chat"),
    ...prefer("respond-async"),
  });
  expect(broke.status).toBe(402);
});

test("the client package reads a job where it expects a completion", async () => {
  const { data, response } = await rig
    .client()
    .chat.completions.create(
      { model: "chat", messages: [{ role: "user", content: "Hi" }] },
      { headers: { Prefer: "respond-async" } },
    )
    .withResponse();
  expect(response.status).toBe(202);
  expect((await untilDone(data.id)).status).toBe("completed");
});
