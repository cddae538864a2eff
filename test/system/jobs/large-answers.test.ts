import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { chatBody, eventsOf, startJobsRig, type JobsRig, type JobView } from "./jobs-rig.ts";

let rig: JobsRig;
beforeAll(async () => {
  rig = await startJobsRig();
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

const untilDone = (id: string) => rig.json<JobView>(`/jobs/${id}?wait=20`);
const events = async (id: string, after = "") => {
  const headers = after === "" ? {} : { "last-event-id": after };
  return eventsOf((await rig.ask(`/jobs/${id}/events`, { headers })).text);
};

test("a whole answer of megabytes, and a question of megabytes", async () => {
  const content = "aé\u2028😀".repeat(300_000);
  const { id } = await rig.accept("once", { messages: [{ role: "user", content }] });
  const call = await rig.played.next();
  expect(call.body["messages"]).toEqual([{ role: "user", content }]);
  const answer = JSON.stringify({
    id: "c1",
    object: "chat.completion",
    created: 1,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  });
  call.answer(answer);
  expect((await untilDone(id)).status).toBe("completed");
  const result = await rig.ask(`/jobs/${id}/result`);
  expect(result.text === answer).toBe(true);
});

test("a stream of a thousand events and more, live and afterwards, from anywhere", async () => {
  const { id } = await rig.accept("once", { stream: true });
  const call = await rig.played.next();
  const live = events(id);
  for (let word = 0; word < 1_200; word++) call.chunk(`w${word}`);
  call.done();
  const all = await live;
  expect(all.map(({ id: number }) => Number(number))).toEqual(all.map((_, at) => at));
  const words = all
    .map(({ data }) => /"content":"(w\d+)"/.exec(data)?.[1])
    .filter((word) => word !== undefined);
  expect(words).toEqual(Array.from({ length: 1_200 }, (_, at) => `w${at}`));
  const late = await events(id);
  expect(late.map(({ text }) => text)).toEqual(all.map(({ text }) => text));
  for (const after of [0, 1, 2, 499, 500, 501, 502, 1_100, all.length - 2])
    expect((await events(id, String(after))).length).toBe(all.length - 1 - after);
});

test("a single event of megabytes", async () => {
  const { id } = await rig.accept("once", { stream: true });
  const call = await rig.played.next();
  const live = events(id);
  const content = "x".repeat(3_000_000);
  call.chunk("small");
  call.chunk(content);
  call.chunk("small again");
  call.done();
  const all = await live;
  expect(all.some(({ data }) => data.includes(content))).toBe(true);
  expect(all.at(-1)?.event).toBe("job.completed");
  const late = await events(id);
  expect(late.length).toBe(all.length);
  expect(late.every(({ text }, at) => text === all[at]?.text)).toBe(true);
});

test("a response that is not stored is replayed as it was, its settings too", async () => {
  const body = {
    model: "once",
    input: "Hi",
    instructions: "Be brief.",
    temperature: 0.5,
    metadata: { a: "b" },
    store: false,
    stream: true,
  };
  const headers = { "idempotency-key": "not-stored" };
  const asked = rig.ask("/responses", { body, headers });
  (await rig.played.next()).say("x");
  const first = await asked;
  const again = await rig.ask("/responses", { body, headers });
  expect(again.headers.get("idempotent-replayed")).toBe("true");
  const [one, two] = [eventsOf(first.text), eventsOf(again.text)];
  expect(two.map(({ event }) => event)).toEqual(one.map(({ event }) => event));
  expect(two).toEqual(one);
});

test("embeddings as base64 are replayed as base64", async () => {
  const body = { model: "embed", input: "one", encoding_format: "base64" };
  const headers = { "idempotency-key": "vectors" };
  const first = await rig.ask("/embeddings", { body, headers });
  const again = await rig.ask("/embeddings", { body, headers });
  expect(again.headers.get("idempotent-replayed")).toBe("true");
  expect(again.text).toBe(first.text);
});

test("deleted and cancelled by many at once: nothing stays", async () => {
  const { id } = await rig.accept("once", { stream: true });
  const call = await rig.played.next();
  call.chunk("a");
  const chatty = setInterval(() => call.chunk("more"), 1);
  const asked = Array.from({ length: 20 }, (_, at) =>
    at % 2 === 0
      ? rig.ask(`/jobs/${id}`, { method: "DELETE" })
      : rig.ask(`/jobs/${id}/cancel`, { method: "POST" }),
  );
  const answers = await Promise.all(asked);
  const deleted = answers.filter(({ text }) => text.includes('"deleted":true'));
  expect(deleted.length).toBeGreaterThan(0);
  for (const { status } of answers) expect([200, 404]).toContain(status);
  await call.closed;
  clearInterval(chatty);
  await eventually(async () => expect(await rig.state(id)).toBe("cancelled"));
  await eventually(async () => expect(Object.values(await rig.stored(id))).toEqual([0, 0, 0, 0]));
});

test("who reads along a stream is not told that its time to wait was applied", async () => {
  const body = chatBody("chat", { stream: true });
  const answer = await rig.ask("/chat/completions", { body, headers: { prefer: "wait=10" } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("preference-applied")).toBeNull();
});
