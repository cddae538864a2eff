import type OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { eventsOf, startJobsRig, type JobsRig, type SentEvent } from "./jobs-rig.ts";

let rig: JobsRig;
let client: OpenAI;
beforeAll(async () => {
  rig = await startJobsRig();
  client = rig.client();
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

interface ResponseView {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly output: readonly object[];
  readonly [field: string]: unknown;
}

const create = (fields: object, model = "once") =>
  rig.json<ResponseView>("/responses", { body: { model, input: "Hi", ...fields } });
const read = (id: string) => rig.json<ResponseView>(`/responses/${id}`);
const jobOf = (id: string) => `job_${id.slice("resp_".length)}`;
const untilDone = (id: string) => rig.json(`/jobs/${jobOf(id)}?wait=10`);
const events = async (id: string, query = "") => {
  const answer = await rig.ask(`/responses/${id}?stream=true${query}`);
  expect(answer.status).toBe(200);
  return eventsOf(answer.text);
};
const numbers = (sent: readonly SentEvent[]) =>
  sent.map(({ data }) => (JSON.parse(data) as { sequence_number: number }).sequence_number);
const upTo = (end: number) => Array.from({ length: end }, (_, at) => at);

/** A reader gets all events after its place. */
async function expectRests(id: string, all: readonly SentEvent[]) {
  expect(numbers(all)).toEqual(upTo(all.length));
  for (const [after] of all.slice(0, -1).entries())
    expect(await events(id, `&starting_after=${after}`)).toEqual(all.slice(after + 1));
}

test("in the background: queued, in progress, completed", async () => {
  const blocker = await create({ background: true }, "one");
  const blocking = await rig.played.next();
  const created = await create({ background: true, metadata: { a: "b" } }, "one");
  const about = { object: "response", background: true, model: "one", error: null };
  expect(created).toMatchObject({ ...about, status: "queued", metadata: { a: "b" }, output: [] });
  expect(created.id).toMatch(/^resp_[0-9a-f]{32}$/);
  expect(await read(created.id)).toEqual(created);
  blocking.say("x");
  await untilDone(blocker.id);
  const call = await rig.played.next();
  expect(await read(created.id)).toEqual({ ...created, status: "in_progress" });
  call.say("café");
  await untilDone(created.id);
  const done = await client.responses.retrieve(created.id);
  expect(done).toMatchObject({
    ...about,
    id: created.id,
    status: "completed",
    output_text: "café",
  });
  expect(done.created_at).toBe(created["created_at"]);
  expect(done.usage).toMatchObject({ input_tokens: 3, output_tokens: 2, total_tokens: 5 });
});

test("a streamed response is read again from every number", async () => {
  const streaming = rig.ask("/responses", { body: { model: "once", input: "Hi", stream: true } });
  const call = await rig.played.next();
  for (const text of ["a", "b", "c"]) call.chunk(text);
  call.done();
  const first = eventsOf((await streaming).text);
  const { response } = JSON.parse(first[0]?.data ?? "") as { response: ResponseView };
  const all = await events(response.id);
  expect(all).toEqual(first);
  expect(all.slice(0, 3).map(({ event }) => event)).toEqual([
    "response.created",
    "response.queued",
    "response.in_progress",
  ]);
  expect(all.at(-1)?.event).toBe("response.completed");
  await expectRests(response.id, all);
  expect(await events(response.id, `&starting_after=${all.length + 3}`)).toEqual([]);
  const last = JSON.parse(all.at(-1)?.data ?? "") as { response: object };
  expect(await read(response.id)).toEqual(last.response);
});

test("one that was not streamed has events, too, before its end and after it", async () => {
  const { id } = await create({ background: true });
  const live = events(id);
  (await rig.played.next()).say("café");
  const all = await live;
  expect(all.at(-1)?.event).toBe("response.completed");
  expect(await events(id)).toEqual(all);
  await expectRests(id, all);
  for (const wrong of ["x", "-1", "1.5"])
    expect((await rig.ask(`/responses/${id}?stream=true&starting_after=${wrong}`)).status).toBe(
      400,
    );
});

test("in the background with a stream: the client resumes by both of its ways", async () => {
  const body = { model: "once", input: "Hi", background: true, stream: true } as const;
  const stream = await client.responses.create(body);
  const call = await rig.played.next();
  call.chunk("one");
  let id = "";
  let last = -1;
  for await (const event of stream) {
    if (event.type === "response.created") ({ id } = event.response);
    last = event.sequence_number;
    if (event.type === "response.output_text.delta") break;
  }
  const resumed = await client.responses.retrieve(id, { stream: true, starting_after: last });
  const helper = client.responses.stream({ response_id: id });
  call.chunk(" two");
  call.done();
  const rest: number[] = [];
  for await (const { sequence_number } of resumed) rest.push(sequence_number);
  const all = await events(id);
  expect(rest).toEqual(numbers(all).slice(last + 1));
  expect((await helper.finalResponse()).output_text).toBe("one two");
});

test("in the background without a stream: followed as it is generated, and whole for its caller", async () => {
  const { id } = await create({ background: true });
  const call = await rig.played.next();
  call.chunk("one");
  let text = "";
  for await (const event of await client.responses.retrieve(id, { stream: true })) {
    if (event.type !== "response.output_text.delta") continue;
    text += event.delta;
    if (text !== "one") continue;
    call.chunk(" two");
    call.done();
  }
  expect(text).toBe("one two");
  await expectRests(id, await events(id));
  const result = await rig.ask(`/jobs/${jobOf(id)}/result`);
  expect(result.headers.get("content-type")).toContain("application/json");
  expect(JSON.parse(result.text)).toEqual(await read(id));
});

test("cancelled while it waits, while it runs, after its end, and again", async () => {
  const cancel = (id: string) =>
    rig.json<ResponseView>(`/responses/${id}/cancel`, { method: "POST" });
  const running = await create({ background: true }, "one");
  const call = await rig.played.next();
  const waiting = await create({ background: true }, "one");
  const live = events(waiting.id);
  const cancelled = await cancel(waiting.id);
  expect(cancelled).toMatchObject({ id: waiting.id, status: "cancelled", error: null });
  expect(await cancel(waiting.id)).toEqual(cancelled);
  expect(await read(waiting.id)).toEqual(cancelled);
  const last = JSON.parse((await live).at(-1)?.data ?? "") as { response: ResponseView };
  expect(last.response).toEqual(cancelled);
  const stopped = await client.responses.cancel(running.id);
  expect(stopped.status).toBe("cancelled");
  await call.closed;
  const done = await create({ background: true }, "chat");
  await untilDone(done.id);
  expect(await cancel(done.id)).toMatchObject({ status: "completed" });
});

test("a failing upstream: failed with an error, polled and streamed", async () => {
  const refuse = async (fields: object, status: number) => {
    const { id } = await create({ background: true, ...fields });
    const live = events(id);
    (await rig.played.next()).answer({ error: { message: "broken" } }, status);
    const all = await live;
    expect(all.at(-1)?.event).toBe("response.failed");
    const { response } = JSON.parse(all.at(-1)?.data ?? "") as { response: ResponseView };
    expect(response).toMatchObject({ id, status: "failed", error: { code: "server_error" } });
    expect(response.error?.message).not.toBe("");
    expect(await read(id)).toEqual(response);
    expect((await client.responses.retrieve(id)).status).toBe("failed");
    await expectRests(id, all);
  };
  await refuse({}, 500);
  await refuse({}, 400);
  const streaming = await client.responses.create({
    model: "once",
    input: "Hi",
    background: true,
    stream: true,
  });
  const call = await rig.played.next();
  call.chunk("part");
  const seen: string[] = [];
  const follow = async (): Promise<void> => {
    for await (const event of streaming) {
      seen.push(event.type);
      if (event.type === "response.output_text.delta") call.cut();
    }
  };
  await expect(follow()).rejects.toThrow("The provider");
  expect(seen.at(-1)).toBe("response.output_text.delta");
});

test("one that waits on the connection fails as a call, and is failed when it is read", async () => {
  const asked = rig.ask("/responses", { body: { model: "once", input: "Hi" } });
  (await rig.played.next()).answer({ error: { message: "broken" } }, 500);
  const answer = await asked;
  expect(answer.status).toBe(502);
  const id = `resp_${answer.headers.get("x-spillway-job-id")?.slice(4)}`;
  expect(await read(id)).toMatchObject({ status: "failed" });
});

test("deleted: gone for every route, and nothing is kept", async () => {
  const { id } = await create({}, "chat");
  const { id: running } = await create({ background: true });
  const call = await rig.played.next();
  expect(await client.responses.delete(id)).toMatchObject({ deleted: true, id });
  await client.responses.delete(running);
  await call.closed;
  for (const gone of [id, running]) {
    for (const end of ["", "?stream=true", "/input_items"])
      expect((await rig.ask(`/responses/${gone}${end}`)).status).toBe(404);
    const cancelled = await rig.ask(`/responses/${gone}/cancel`, { method: "POST" });
    expect(cancelled.status).toBe(404);
    await expect(client.responses.delete(gone)).rejects.toMatchObject({ status: 404 });
    const previous = { model: "chat", input: "Hi", previous_response_id: gone };
    expect((await rig.ask("/responses", { body: previous })).status).toBe(400);
    expect(Object.values(await rig.stored(jobOf(gone)))).toEqual([0, 0, 0, 0]);
  }
  await eventually(async () => expect(await rig.state(jobOf(running))).toBe("cancelled"));
});

test("others' responses do not exist, nor do jobs that are no responses", async () => {
  const { id } = await create({}, "chat");
  const { key } = await rig.broker.key();
  const none = `resp_${"0".repeat(32)}`;
  const routes = ["", "?stream=true", "/input_items"].map((end) => ["GET", end] as const);
  for (const [method, end] of [...routes, ["POST", "/cancel"], ["DELETE", ""]] as const) {
    const foreign = await rig.ask(`/responses/${id}${end}`, { method, key });
    const unknown = await rig.ask(`/responses/${none}${end}`, { method, key });
    expect(foreign.status).toBe(404);
    expect(foreign.text.replaceAll(id, none)).toBe(unknown.text);
  }
  const job = await rig.accept("chat");
  expect((await rig.ask(`/responses/resp_${job.id.slice(4)}`)).status).toBe(404);
  const body = { model: "chat", input: "Hi", previous_response_id: id };
  const foreign = await rig.ask("/responses", { key, body });
  expect(foreign.status).toBe(400);
  expect(JSON.parse(foreign.text)).toMatchObject({
    error: { code: "previous_response_not_found", param: "previous_response_id" },
  });
});

test("store: false leaves nothing to read, or to find in the database", async () => {
  const answer = await rig.ask("/responses", {
    body: { model: "chat", input: "a secret", store: false },
  });
  const response = JSON.parse(answer.text) as ResponseView;
  expect(response).toMatchObject({ status: "completed", store: false });
  expect((await rig.ask(`/responses/${response.id}`)).status).toBe(404);
  const job = jobOf(response.id);
  expect(Object.values(await rig.stored(job))).toEqual([0, 0, 0, 0]);
  const body = { model: "chat", input: "Hi", previous_response_id: response.id };
  expect((await rig.ask("/responses", { body })).status).toBe(400);
  // A background response can only be fetched later, so it is stored.
  const kept = await rig.ask("/responses", {
    body: { model: "chat", input: "Hi", store: false, background: true },
  });
  expect(JSON.parse(kept.text)).toMatchObject({ background: true, store: true });
});

test("fields that are not supported are refused by name", async () => {
  const fields = {
    prompt: { id: "pmpt_1" },
    input: 7,
    max_output_tokens: 0,
    background: "yes",
    service_tier: 7,
  };
  for (const [param, value] of Object.entries(fields)) {
    const body = { model: "chat", input: "Hi", [param]: value };
    const answer = await rig.ask("/responses", { body });
    expect({ param, status: answer.status }).toEqual({ param, status: 400 });
    expect(JSON.parse(answer.text)).toMatchObject({ error: { param } });
  }
});

test("a budget that does not cover it: 402, and nothing is stored", async () => {
  const { key, id } = await rig.broker.key({ budget: { limit_usd: "0.000001", period: "month" } });
  for (const background of [true, false]) {
    const body = { model: "chat", input: "Hi", background };
    expect((await rig.ask("/responses", { key, body })).status).toBe(402);
  }
  const { pool } = rig.broker.database;
  const { rowCount } = await pool.query("select from jobs where key_id = $1", [id]);
  expect(rowCount).toBe(0);
});
