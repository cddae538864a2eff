import { AuthenticationError } from "openai";
import { expect, test } from "vitest";
import { chatBody, clientOf, post, readToEnd, testSimulator } from "./support.ts";
import { eventually } from "../../../support/eventually.ts";

test("refuses a model that it does not have, in its kind's own shape", async () => {
  const gpu = await testSimulator({ models: ["a"] });
  const response = await post(gpu, "/chat/completions", chatBody());
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { type: "NotFoundError", code: 404 } });

  const cloud = await testSimulator({ kind: "cloud", models: ["a"] });
  const refused = clientOf(cloud).embeddings.create({ model: "b", input: "x" });
  await expect(refused).rejects.toMatchObject({ status: 404, code: "model_not_found" });
});

test("wants its bearer token", async () => {
  const simulator = await testSimulator({ kind: "cloud", apiKey: "sk-right" });
  const wrong = clientOf(simulator, "sk-wrong");
  await expect(wrong.models.list()).rejects.toBeInstanceOf(AuthenticationError);
  const create = { model: "m", prompt: "x" };
  await expect(wrong.completions.create(create)).rejects.toMatchObject({ code: "invalid_api_key" });
  const right = await clientOf(simulator, "sk-right").completions.create(create);
  expect(right.usage?.completion_tokens).toBe(16);
  expect(simulator.counters()).toMatchObject({ calls: 2, ok: 1 });
});

test.each([
  ["broken JSON", "/chat/completions", "{"],
  ["a body that is no object", "/chat/completions", "[]"],
  ["invalid UTF-8", "/completions", Buffer.from('{"model":"m","prompt":"\xff"}', "latin1")],
  ["no messages", "/chat/completions", { model: "m" }],
  ["no tokens", "/chat/completions", chatBody("x", { max_tokens: 0 })],
  ["half a token", "/chat/completions", chatBody("x", { max_tokens: 1.5 })],
  ["a prompt of mixed things", "/completions", { model: "m", prompt: ["a", 1] }],
  ["best_of below n", "/completions", { model: "m", prompt: "a", n: 2, best_of: 1 }],
  ["an odd encoding", "/embeddings", { model: "m", input: "a", encoding_format: "hex" }],
])("answers 400 to %s", async (_, path, body) => {
  const simulator = await testSimulator();
  const response = await post(simulator, path, body);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: 400 } });
});

test("answers 400 when prompt and answer exceed the context", async () => {
  const gpu = await testSimulator({ contextLength: 10 });
  const fits = await post(gpu, "/chat/completions", chatBody("12345678", { max_tokens: 8 }));
  expect(fits.status).toBe(200);
  const over = await post(gpu, "/chat/completions", chatBody("12345678", { max_tokens: 9 }));
  expect(over.status).toBe(400);
  const body = await readToEnd(over);
  expect(JSON.parse(body.text)).toMatchObject({ error: { code: 400, type: "BadRequestError" } });
  expect(body.text).toContain("This model's maximum context length is 10 tokens. However, you");

  const cloud = await testSimulator({ kind: "cloud", contextLength: 10 });
  const refused = clientOf(cloud).completions.create({ model: "m", prompt: "x".repeat(41) });
  await expect(refused).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
});

test.each([
  ["gpu", 503, null],
  ["cloud", 429, "1"],
] as const)("a full %s refuses at once with %i", async (kind, status, retryAfter) => {
  const simulator = await testSimulator({ kind, slots: 2 });
  simulator.setFault({ type: "hang" });
  const leave = new AbortController();
  const hanging = [1, 2].map(() =>
    post(simulator, "/chat/completions", chatBody(), { signal: leave.signal }),
  );
  const ended = Promise.allSettled(hanging);
  await eventually(() => expect(simulator.counters().faultHits).toBe(2));
  const refused = await post(simulator, "/chat/completions", chatBody(), { id: "third" });
  expect(refused.status).toBe(status);
  expect(refused.headers.get("retry-after")).toBe(retryAfter);
  expect(simulator.counters()).toMatchObject({ calls: 3, refusedFull: 1, highWater: 3 });
  expect(simulator.counters().requests["third"]).toMatchObject({ status, ok: false });
  leave.abort();
  await ended;
});

test("lets as many wait as the queue limit says, and forgets one that leaves", async () => {
  const simulator = await testSimulator({ slots: 1, queueLimit: 2 });
  simulator.setFault({ type: "hang", times: 1 });
  const path = "/chat/completions";
  const leaveFirst = new AbortController();
  const leaveSecond = new AbortController();
  const first = post(simulator, path, chatBody(), { signal: leaveFirst.signal });
  await eventually(() => expect(simulator.counters().running).toBe(1));
  const second = post(simulator, path, chatBody(), { signal: leaveSecond.signal, id: "second" });
  await eventually(() => expect(simulator.counters().waiting).toBe(1));
  const third = post(simulator, path, chatBody());
  await eventually(() => expect(simulator.counters().waiting).toBe(2));
  expect((await post(simulator, path, chatBody())).status).toBe(503);

  const bothLeft = Promise.allSettled([first, second]);
  leaveSecond.abort();
  await eventually(() => expect(simulator.counters().waiting).toBe(1));
  leaveFirst.abort();
  await bothLeft;
  expect((await third).status).toBe(200);
  expect(simulator.counters().requests["second"]).toMatchObject({
    aborted: true,
    headersSent: false,
    completionTokens: 0,
  });
});

test("refuses when full in spite of its queue while that fault is on", async () => {
  const simulator = await testSimulator({ slots: 1, queueLimit: 5, ttftMs: 1_000 });
  simulator.setFault({ type: "refuse_when_full" });
  const first = post(simulator, "/chat/completions", chatBody());
  await eventually(() => expect(simulator.counters().running).toBe(1));
  expect((await post(simulator, "/chat/completions", chatBody())).status).toBe(503);
  expect((await first).status).toBe(200);
});
