import { expect, test } from "vitest";
import { chatBody, clientOf, eventsOf, post, readToEnd, testSimulator } from "./support.ts";

const user = (content: string): [{ role: "user"; content: string }] => [{ role: "user", content }];

test("answers a chat with deterministic tokens and usage", async () => {
  const simulator = await testSimulator();
  const answer = await clientOf(simulator).chat.completions.create({
    model: "m",
    messages: user("12345678"),
    max_tokens: 3,
  });
  expect(answer.choices).toHaveLength(1);
  expect(answer.choices[0]).toMatchObject({
    finish_reason: "length",
    message: { role: "assistant", content: "tok0 tok1 tok2" },
  });
  expect(answer.usage).toEqual({ prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 });
});

test("generates exactly the lesser of max_tokens and its own length", async () => {
  const simulator = await testSimulator({ outputTokens: 5 });
  const outcomes: unknown[] = [];
  for (const max_completion_tokens of [1, 4, 5, 6]) {
    const answer = await clientOf(simulator).chat.completions.create({
      model: "m",
      messages: user("hi"),
      max_completion_tokens,
    });
    outcomes.push([answer.usage?.completion_tokens, answer.choices[0]?.finish_reason]);
  }
  expect(outcomes).toEqual([
    [1, "length"],
    [4, "length"],
    [5, "stop"],
    [5, "stop"],
  ]);
});

test("follows an output directive in the last user message", async () => {
  const simulator = await testSimulator();
  const answer = await clientOf(simulator).chat.completions.create({
    model: "m",
    messages: [...user("[sim output=9]"), ...user("now [sim output=50]")],
  });
  expect(answer.usage?.completion_tokens).toBe(50);
});

test("counts every choice in usage", async () => {
  const simulator = await testSimulator();
  const answer = await clientOf(simulator).chat.completions.create({
    model: "m",
    messages: user("hi"),
    n: 3,
    max_tokens: 4,
  });
  expect(answer.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
  expect(answer.usage?.completion_tokens).toBe(12);
});

test("completes several prompts, and counts what best_of threw away", async () => {
  const simulator = await testSimulator();
  const answer = await clientOf(simulator).completions.create({
    model: "m",
    prompt: ["four", "[sim output=2] four"],
    n: 2,
    best_of: 3,
    max_tokens: 5,
  });
  expect(answer.choices.map((choice) => [choice.index, choice.text.split(" ").length])).toEqual([
    [0, 5],
    [1, 5],
    [2, 2],
    [3, 2],
  ]);
  expect(answer.usage).toEqual({ prompt_tokens: 6, completion_tokens: 21, total_tokens: 27 });
});

test("streams role, tokens, finish, usage and the terminal event in this order", async () => {
  const simulator = await testSimulator();
  const body = chatBody("hi", {
    stream: true,
    max_tokens: 2,
    stream_options: { include_usage: true },
  });
  const response = await post(simulator, "/chat/completions", body);
  const events = eventsOf((await readToEnd(response)).text);
  expect(events.at(-1)).toBe("[DONE]");
  const chunks = events.slice(0, -1).map((event): unknown => JSON.parse(event));
  expect(chunks).toMatchObject([
    { choices: [{ delta: { role: "assistant" }, finish_reason: null }] },
    { choices: [{ delta: { content: "tok0" }, finish_reason: null }] },
    { choices: [{ delta: { content: " tok1" }, finish_reason: null }] },
    { choices: [{ delta: {}, finish_reason: "length" }] },
    { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } },
  ]);
});

test("streams no usage when it was not asked for", async () => {
  const simulator = await testSimulator();
  const stream = await clientOf(simulator).completions.create({
    model: "m",
    prompt: "hi",
    stream: true,
    max_tokens: 2,
  });
  const texts: string[] = [];
  for await (const chunk of stream) {
    expect(chunk.usage).toBeUndefined();
    texts.push(chunk.choices[0]?.text ?? "none");
  }
  expect(texts).toEqual(["tok0", " tok1", ""]);
});

test("echoes odd Unicode whole, streamed or not", async () => {
  const odd = '[sim echo] nul \0, lone \ud800 and \udc00!, 👩‍👩‍👧‍👦, \u2028, 日本語, "\\';
  const simulator = await testSimulator();
  const client = clientOf(simulator);
  const request = { model: "m", messages: user(odd) };
  const whole = await client.chat.completions.create(request);
  expect(whole.choices[0]?.message.content).toBe(odd);

  const chunks = await client.chat.completions.create({ ...request, stream: true });
  const pieces: string[] = [];
  for await (const chunk of chunks) pieces.push(chunk.choices[0]?.delta.content ?? "");
  expect(pieces.join("")).toBe(odd);
  expect(pieces.length).toBeGreaterThan(10);
});

test("paces tokens after the time to the first", async () => {
  const simulator = await testSimulator({ ttftMs: 60, tokensPerSecond: 100 });
  const beganMs = performance.now();
  const stream = await clientOf(simulator).chat.completions.create({
    model: "m",
    messages: user("hi"),
    stream: true,
    max_tokens: 11,
  });
  let firstMs: number | undefined;
  for await (const _ of stream) firstMs ??= performance.now() - beganMs;
  const totalMs = performance.now() - beganMs;
  expect(firstMs).toBeGreaterThanOrEqual(59);
  expect(totalMs).toBeGreaterThanOrEqual(159);
  expect(totalMs).toBeLessThan(1500);
});

test("embeds text and tokens alike in both encodings", async () => {
  const simulator = await testSimulator();
  const client = clientOf(simulator);
  const input = ["one", "two"];
  const floats = await client.embeddings.create({ model: "m", input, encoding_format: "float" });
  const decoded = await client.embeddings.create({ model: "m", input });
  const raw = await client.embeddings.create({ model: "m", input, encoding_format: "base64" });
  expect(floats.data.map((item) => item.embedding)).toEqual(
    decoded.data.map((item) => item.embedding),
  );
  expect(typeof raw.data[0]?.embedding).toBe("string");
  expect(floats.data[0]?.embedding).not.toEqual(floats.data[1]?.embedding);
  expect(floats.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });

  const tokens = await client.embeddings.create({ model: "m", input: [1, 2, 3], dimensions: 5 });
  expect(tokens.data[0]?.embedding).toHaveLength(5);
  expect(tokens.usage.prompt_tokens).toBe(3);
  const lists = await client.embeddings.create({ model: "m", input: [[1, 2], [3]] });
  expect(lists.data).toHaveLength(2);
  expect(lists.usage.prompt_tokens).toBe(3);
});

test("lists its models, and health and vLLM metrics as a GPU only", async () => {
  const gpu = await testSimulator({ models: ["a", "b"] });
  const listed = await clientOf(gpu).models.list();
  expect(listed.data.map((model) => [model.id, model.owned_by])).toEqual([
    ["a", "vllm"],
    ["b", "vllm"],
  ]);
  const body = { ...chatBody("12345678", { max_tokens: 3 }), model: "a" };
  await readToEnd(await post(gpu, "/chat/completions", body));
  const metrics = await (await fetch(new URL("/metrics", gpu.url))).text();
  expect(metrics).toContain(`vllm:num_requests_running{engine="0",model_name="a"} 0\n`);
  expect(metrics).toContain(`vllm:prompt_tokens_total{engine="0",model_name="a"} 2\n`);
  expect(metrics).toContain(`vllm:generation_tokens_total{engine="0",model_name="a"} 3\n`);
  expect((await fetch(new URL("/health", gpu.url))).status).toBe(200);

  const cloud = await testSimulator({ kind: "cloud" });
  expect((await fetch(new URL("/health", cloud.url))).status).toBe(404);
  expect((await fetch(new URL("/v1/models", cloud.url))).status).toBe(200);
  expect(cloud.counters().probes).toBe(2);
});
