import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { chatBody, startJobsRig, WHOLE, type JobsRig, type JobView } from "./jobs-rig.ts";

let rig: JobsRig;
let calls = 0;
beforeAll(async () => {
  rig = await startJobsRig("{}", ", no_capacity: reject");
});
beforeEach(() => {
  calls = rig.broker.upstreams["gpu"]?.counters().calls ?? 0;
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

/** Counts the calls at the simulated upstream since the test began. */
const made = () => (rig.broker.upstreams["gpu"]?.counters().calls ?? 0) - calls;
const newKey = () => `"${crypto.randomUUID()}"`;
const post = (path: string, idem: string, body: object, more: object = {}) =>
  rig.ask(path, { body, headers: { "idempotency-key": idem, ...more } });
const chat = (idem: string, fields: object = {}, more: object = {}) =>
  post("/chat/completions", idem, chatBody("chat", fields), more);
const plain = () => rig.ask("/chat/completions", { body: chatBody("chat") });
const replayed = ({ headers }: { headers: Headers }) => headers.get("idempotent-replayed");
const rows = async () =>
  (await rig.broker.database.pool.query("select from idempotency_keys")).rowCount;

test("the same again: the stored answer, byte for byte, and one call", async () => {
  const idem = newKey();
  const first = await chat(idem);
  expect(first.status).toBe(200);
  expect(replayed(first)).toBeNull();
  const again = await chat(idem);
  expect(again.status).toBe(200);
  expect(again.bytes.equals(first.bytes)).toBe(true);
  expect(replayed(again)).toBe("true");
  expect(again.headers.get("content-type")).toBe(first.headers.get("content-type"));
  expect(again.headers.get("x-spillway-job-id")).toBe(first.headers.get("x-spillway-job-id"));
  expect(made()).toBe(1);
});

test("bare and quoted are the same key", async () => {
  const bare = crypto.randomUUID();
  const first = await chat(bare);
  const quoted = await chat(`"${bare}"`);
  expect(quoted.text).toBe(first.text);
  expect(replayed(quoted)).toBe("true");
  expect(made()).toBe(1);
});

test("100 at once: one job, one call, 100 equal answers", async () => {
  const idem = newKey();
  const answers = await Promise.all(Array.from({ length: 100 }, () => chat(idem)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(new Set(answers.map(({ headers }) => headers.get("x-spillway-job-id"))).size).toBe(1);
  expect(answers.filter((answer) => replayed(answer) === null)).toHaveLength(1);
  expect(made()).toBe(1);
});

test("100 streams at once are one stream", async () => {
  const idem = newKey();
  const body = chatBody("once", { stream: true });
  const answers = Array.from({ length: 100 }, () => post("/chat/completions", idem, body));
  const call = await rig.played.next();
  const before = rig.played.count;
  for (const word of ["a", "b", "c"]) call.chunk(word);
  call.done();
  const texts = new Set((await Promise.all(answers)).map(({ text }) => text));
  expect(texts.size).toBe(1);
  const [text = ""] = texts;
  expect(text).toMatch(/"a".*"b".*"c".*\[DONE\]/s);
  const late = await post("/chat/completions", idem, body);
  expect(late.text).toBe(text);
  expect(late.headers.get("content-type")).toContain("text/event-stream");
  expect(replayed(late)).toBe("true");
  expect(rig.played.count).toBe(before);
});

test("one that runs is joined, whole or not waited for", async () => {
  const idem = newKey();
  const body = chatBody("once");
  const first = post("/chat/completions", idem, body);
  const call = await rig.played.next();
  const joined = post("/chat/completions", idem, body);
  const async = await post("/chat/completions", idem, body, { prefer: "respond-async" });
  expect(async.status).toBe(202);
  expect(replayed(async)).toBe("true");
  expect(JSON.parse(async.text)).toMatchObject({ status: "in_progress" });
  call.answer(WHOLE);
  expect((await first).text).toBe(WHOLE);
  expect((await joined).text).toBe(WHOLE);
  expect(replayed(await joined)).toBe("true");
});

test("who asked first may hang up: the job goes on for whoever asks again", async () => {
  const idem = newKey();
  const body = chatBody("once");
  const leaving = new AbortController();
  const left = rig
    .ask("/chat/completions", {
      body,
      headers: { "idempotency-key": idem },
      signal: leaving.signal,
    })
    .catch(() => "left");
  const call = await rig.played.next();
  leaving.abort();
  expect(await left).toBe("left");
  const again = post("/chat/completions", idem, body);
  call.answer(WHOLE);
  expect((await again).text).toBe(WHOLE);
});

test("async: 202 with the same job, then what became of it", async () => {
  const idem = newKey();
  const prefer = { prefer: "respond-async" };
  const first = JSON.parse((await chat(idem, {}, prefer)).text) as JobView;
  const done = await rig.json<JobView>(`/jobs/${first.id}?wait=10`);
  const again = await chat(idem, {}, prefer);
  expect(again.status).toBe(202);
  expect(replayed(again)).toBe("true");
  expect(JSON.parse(again.text)).toEqual(done);
  const sync = await chat(idem);
  expect(sync.text).toBe((await rig.ask(`/jobs/${first.id}/result`)).text);
  expect(made()).toBe(1);
});

test("a background response, again after its end, says how it ended", async () => {
  const idem = newKey();
  const body = { model: "chat", input: "Hi", background: true };
  const first = JSON.parse((await post("/responses", idem, body)).text) as JobView;
  await rig.json(`/jobs/job_${first.id.slice(5)}?wait=10`);
  const again = await post("/responses", idem, body);
  expect(again.status).toBe(200);
  expect(replayed(again)).toBe("true");
  expect(JSON.parse(again.text)).toEqual(await rig.json(`/responses/${first.id}`));
  expect(JSON.parse(again.text)).toMatchObject({ status: "completed" });
});

test("a failure that reached the upstream is replayed, too", async () => {
  for (const status of [400, 500]) {
    const idem = newKey();
    const asked = post("/chat/completions", idem, chatBody("once"));
    const call = await rig.played.next();
    const before = rig.played.count;
    call.answer({ error: { message: "broken" } }, status);
    const first = await asked;
    const again = await post("/chat/completions", idem, chatBody("once"));
    expect(again.status).toBe(first.status);
    expect(again.text).toBe(first.text);
    expect(replayed(again)).toBe("true");
    const async = await post("/chat/completions", idem, chatBody("once"), {
      prefer: "respond-async",
    });
    const { error } = JSON.parse(async.text) as JobView;
    expect(error).toEqual((JSON.parse(first.text) as { error: object }).error);
    expect(rig.played.count).toBe(before);
  }
});

test("a replay needs no provider", async () => {
  const idem = newKey();
  const first = await chat(idem);
  const gpu = rig.broker.upstreams["gpu"];
  await gpu?.close();
  try {
    await eventually(async () => expect((await plain()).text).toContain("is up"));
    const again = await chat(idem);
    expect(again.text).toBe(first.text);
    expect(replayed(again)).toBe("true");
  } finally {
    await gpu?.restart();
    await eventually(async () => expect((await plain()).status).toBe(200));
  }
});

test("another body is refused, for good", async () => {
  const idem = newKey();
  await chat(idem);
  const other = await chat(idem, { temperature: 0 });
  expect(other.status).toBe(422);
  expect(other.headers.get("x-should-retry")).toBe("false");
  expect(JSON.parse(other.text)).toMatchObject({
    error: { code: "idempotency_conflict", param: "Idempotency-Key" },
  });
  expect(replayed(other)).toBeNull();
  expect(replayed(await chat(idem))).toBe("true");
  expect(made()).toBe(1);
});

test("another key of the broker, and another path, know nothing of it", async () => {
  const idem = newKey();
  const first = await chat(idem);
  const { key } = await rig.broker.key();
  const asked = { key, body: chatBody("chat"), headers: { "idempotency-key": idem } };
  const foreign = await rig.ask("/chat/completions", asked);
  expect(replayed(foreign)).toBeNull();
  expect(foreign.headers.get("x-spillway-job-id")).not.toBe(first.headers.get("x-spillway-job-id"));
  const other = await post("/completions", idem, { model: "chat", prompt: "Hi" });
  expect(other.status).toBe(200);
  expect(replayed(other)).toBeNull();
  expect(made()).toBe(3);
});

test("what is refused before it is admitted is not kept", async () => {
  const before = await rows();
  const idem = newKey();
  expect((await chat(idem, { max_tokens: 0 })).status).toBe(400);
  expect((await post("/chat/completions", idem, chatBody("nowhere"))).status).toBe(404);
  const bad = await rig.ask("/chat/completions", {
    key: "sk-wrong",
    body: chatBody("chat"),
    headers: { "idempotency-key": idem },
  });
  expect(bad.status).toBe(401);
  const { key, id } = await rig.broker.key({ budget: { limit_usd: "0.000001", period: "month" } });
  const poor = { key, body: chatBody("chat"), headers: { "idempotency-key": idem } };
  const requests = Array.from({ length: 10 }, () => rig.ask("/chat/completions", poor));
  for (const { status } of await Promise.all(requests)) expect(status).toBe(402);
  expect(await rows()).toBe(before);
  await rig.broker.admin("PATCH", `/admin/keys/${id}`, { budget: { limit_usd: "1" } });
  const paid = await rig.ask("/chat/completions", poor);
  expect(paid.status).toBe(200);
  expect(replayed(paid)).toBeNull();
  expect((await chat(idem)).status).toBe(200);
});

test.each(["two words", '"open', "", "x".repeat(256), "é"])("%j is no key", async (idem) => {
  const answer = await chat(encodeLatin(idem));
  // `fetch` drops an empty header or sends it; either way nothing is stored under it.
  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { param: "Idempotency-Key" } });
});

test("after a day the key is free again", async () => {
  const idem = newKey();
  const first = await chat(idem);
  const { pool } = rig.broker.database;
  const job = first.headers.get("x-spillway-job-id");
  const age = (hours: number) =>
    pool.query(
      "update idempotency_keys set created_at = now() - $2 * interval '1 h' where job_id = $1",
      [job, hours],
    );
  await age(23);
  expect(replayed(await chat(idem))).toBe("true");
  await age(25);
  const [second, other] = await Promise.all([chat(idem), chat(idem)]);
  expect(second.headers.get("x-spillway-job-id")).not.toBe(job);
  expect(other.headers.get("x-spillway-job-id")).toBe(second.headers.get("x-spillway-job-id"));
  expect((await rig.json<JobView>(`/jobs/${job}`)).status).toBe("completed");
  expect(made()).toBe(2);
});

test("a job that is deleted frees its key, and lets go who waits for it", async () => {
  const idem = newKey();
  const body = chatBody("once");
  const waiting = post("/chat/completions", idem, body);
  const call = await rig.played.next();
  const { data } = await rig.json<{ data: JobView[] }>("/jobs?limit=1");
  await rig.json(`/jobs/${data[0]?.id}`, { method: "DELETE" });
  await call.closed;
  expect((await waiting).status).toBe(404);
  const again = post("/chat/completions", idem, body);
  (await rig.played.next()).answer(WHOLE);
  expect(replayed(await again)).toBeNull();
  expect((await again).text).toBe(WHOLE);
});

test("the client package's own retry is a replay", async () => {
  const idem = crypto.randomUUID();
  const asked = { headers: { "Idempotency-Key": idem } };
  const body = { model: "chat", messages: [{ role: "user" as const, content: "Hi" }] };
  const first = await rig.client().chat.completions.create(body, asked);
  const again = await rig.client().chat.completions.create(body, asked).withResponse();
  expect(again.data).toEqual(first);
  expect(again.response.headers.get("idempotent-replayed")).toBe("true");
});

/** HTTP headers are sent as Latin-1. */
function encodeLatin(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
