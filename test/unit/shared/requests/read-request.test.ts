import { parseBody } from "../../../../shared/requests/parse-body.ts";
import { describe, expect, test } from "vitest";
import { compileRoutes } from "../../../../shared/routing/compiled-route.ts";
import { readRequest } from "../../../../shared/requests/read-request.ts";
import type { Endpoint } from "../../../../shared/contracts/endpoint.ts";
import { BrokerError } from "../../../../shared/errors/broker-error.ts";
import { testConfig } from "../../../support/test-config.ts";

const routes = compileRoutes(testConfig());

function read(endpoint: Endpoint, body: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readRequest(endpoint, parseBody(Buffer.from(text)), (model) => {
    const route = routes.get(model);
    if (route === undefined) throw new BrokerError("model_not_found", "no", { param: "model" });
    return route;
  });
}

function refusalOf(endpoint: Endpoint, body: unknown): BrokerError {
  try {
    read(endpoint, body);
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("was taken");
}

const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };
const completion = { model: "chat-small", prompt: "Once" };
const embedding = { model: "embed-small", input: "Hi" };

describe("chat fields", () => {
  test.each<[object, string]>([
    [{ model: undefined }, "model"],
    [{ model: 7 }, "model"],
    [{ model: "" }, "model"],
    [{ messages: undefined }, "messages"],
    [{ messages: [] }, "messages"],
    [{ messages: "Hi" }, "messages"],
    [{ messages: [{ content: "Hi" }] }, "messages[0].role"],
    [{ messages: [chat.messages[0], { role: 1 }] }, "messages[1].role"],
    [{ messages: ["Hi"] }, "messages[0]"],
    [{ messages: [{ role: "user", content: 5 }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: [{ type: 5 }] }] }, "messages[0].content[0].type"],
    [{ max_tokens: 0 }, "max_tokens"],
    [{ max_completion_tokens: 0 }, "max_completion_tokens"],
    [{ max_tokens: -2 }, "max_tokens"],
    [{ min_tokens: -1 }, "min_tokens"],
    [{ logit_bias: "x" }, "logit_bias"],
    [{ max_tokens: 1.5 }, "max_tokens"],
    [{ max_tokens: "5" }, "max_tokens"],
    [{ max_tokens: 1e300 }, "max_tokens"],
    [{ n: 0 }, "n"],
    [{ n: 1e15 }, "n"],
    [{ n: 1.5 }, "n"],
    [{ n: 3, best_of: 2 }, "best_of"],
    [{ temperature: "hot" }, "temperature"],
    [{ stop: 5 }, "stop"],
    [{ stop: ["a", 5] }, "stop[1]"],
    [{ stream: "true" }, "stream"],
    [{ stream_options: { include_usage: true } }, "stream_options"],
    [{ stream: true, stream_options: { include_usage: 1 } }, "stream_options.include_usage"],
    [{ logprobs: 5 }, "logprobs"],
    [{ tools: {} }, "tools"],
    [{ tools: [{ type: "function", function: { name: 5 } }] }, "tools[0].function.name"],
    [{ response_format: "json" }, "response_format"],
    [{ seed: 1.5 }, "seed"],
    [{ user: 5 }, "user"],
    [{ service_tier: 5 }, "service_tier"],
    [{ metadata: "x" }, "metadata"],
  ])("refuses %j by naming %s", (fields, param) => {
    const error = refusalOf("chat.completions", { ...chat, ...fields });
    expect(error).toMatchObject({ code: "invalid_request", status: 400, param });
    expect(error.message).toContain(param);
  });

  test("refuses an infinite max_tokens", () => {
    const body = JSON.stringify({ ...chat, max_tokens: 1 }).replace(":1}", ":1e999}");
    expect(refusalOf("chat.completions", body)).toMatchObject({ param: "max_tokens", status: 400 });
  });

  test.each([
    { max_tokens: null, n: null, stop: null, stream: null, stream_options: null, tools: null },
    { max_tokens: 1_001, n: 200, temperature: 2.5, presence_penalty: 3 },
    { stop: Array.from({ length: 20 }, () => "a"), logit_bias: [[15043, false]] },
    { tools: Array.from({ length: 150 }, () => ({ type: "function" })), service_tier: "scale" },
    { max_tokens: 1_000, n: 128, temperature: 2, top_p: 0, stop: ["a"], seed: -5 },
    {
      messages: [{ role: "assistant", content: null, tool_calls: [{ id: "a", type: "function" }] }],
    },
    { messages: [{ role: "user", content: [{ type: "text", text: "Hi" }, "there"] }] },
    { stream: true, stream_options: { include_usage: false, other: 1 } },
    { unknown_field: { of: ["an", "engine"] }, service_tier: "flex", logprobs: true },
  ])("takes %j", (fields) => {
    expect(() => read("chat.completions", { ...chat, ...fields })).not.toThrow();
  });
});

describe("prompts and inputs", () => {
  test.each<[unknown, string]>([
    [undefined, "prompt"],
    [5, "prompt"],
    [[], "prompt"],
    [["a", 5], "prompt[1]"],
    [[5, "a"], "prompt[1]"],
    [[5, -1], "prompt[1]"],
    [[[1], "a"], "prompt[1]"],
    [[[1], []], "prompt[1]"],
    [[[1, 1.5]], "prompt[0][1]"],
  ])("refuses the prompt %j by naming %s", (prompt, param) => {
    expect(refusalOf("completions", { ...completion, prompt })).toMatchObject({
      status: 400,
      param,
    });
  });

  test.each<[unknown, string]>([
    [undefined, "input"],
    ["", "input"],
    [["a", ""], "input[1]"],
    [{}, "input"],
  ])("refuses the input %j by naming %s", (input, param) => {
    expect(refusalOf("embeddings", { ...embedding, input })).toMatchObject({ status: 400, param });
  });

  test.each([
    [{ encoding_format: "hex" }, "encoding_format"],
    [{ dimensions: 0 }, "dimensions"],
    [{ dimensions: 1.5 }, "dimensions"],
    [{ model: "chat-small" }, "model"],
  ])("refuses embeddings with %j", (fields, param) => {
    expect(refusalOf("embeddings", { ...embedding, ...fields })).toMatchObject({
      status: 400,
      param,
    });
  });

  test.each<[unknown, number]>([
    ["a", 1],
    [["a", "b"], 2],
    [[1, 2, 3], 1],
    [[[1], [2, 3]], 2],
    [Array.from({ length: 5_000 }, () => 7), 1],
  ])("counts the answers to %j", (input, count) => {
    expect(read("embeddings", { ...embedding, input }).choices).toBe(count);
    expect(read("completions", { ...completion, prompt: input, n: 3 }).choices).toBe(3 * count);
  });

  test("refuses more output than the database can count", () => {
    const prompt = Array.from({ length: 2_048 }, () => "a");
    const request = { ...completion, prompt, n: 128, max_tokens: 1_000 };
    expect(read("completions", { ...request, n: 2 }).outputTokens).toBe(4_096_000);
    const big = compileRoutes(testConfig()).get("chat-small");
    if (big === undefined) throw new Error("no route");
    const longer = { ...big, config: { ...big.config, maxOutputTokens: 10_000_000 } };
    const body = parseBody(Buffer.from(JSON.stringify({ ...request, max_tokens: 10_000_000 })));
    expect(() => readRequest("completions", body, () => longer)).toThrow(/Too many output tokens/);
  });
});

describe("what goes upstream", () => {
  test("leaves out what the worker writes or the broker consumes, and fills in defaults", () => {
    const { body, maxOutputTokens, streamOptions, wantsUsage } = read("chat.completions", {
      ...chat,
      max_tokens: 7,
      stream: true,
      stream_options: { include_usage: true, extra: 1 },
      service_tier: "flex",
      seed: 1,
    });
    expect(JSON.parse(body)).toEqual({ messages: chat.messages, seed: 1, top_k: 20 });
    expect({ maxOutputTokens, streamOptions, wantsUsage }).toEqual({
      maxOutputTokens: 7,
      streamOptions: '{"include_usage":true,"extra":1}',
      wantsUsage: true,
    });
  });

  test("keeps the caller's word against a default, and integers that a double cannot hold", () => {
    const text = `{"model":"chat-small","top_k":5,"seed":9223372036854775807,"messages":${JSON.stringify(chat.messages)}}`;
    const { body } = read("chat.completions", text);
    expect(body).toContain('"seed":9223372036854775807');
    expect(JSON.parse(body)).toMatchObject({ top_k: 5 });
  });

  test("counts what every choice may generate", () => {
    expect(read("chat.completions", { ...chat, n: 2, best_of: 5 }).outputTokens).toBe(5_000);
    const prediction = { type: "content", content: "x".repeat(100) };
    const { outputTokens } = read("chat.completions", { ...chat, max_tokens: 5, prediction });
    expect(outputTokens).toBe(5 + JSON.stringify(prediction).length);
  });

  test("writes numbers that it has counted as it has counted them", () => {
    const text = `{"model":"chat-small","n":2.00000000000000000001,"min_tokens":50,"max_tokens":9,"messages":${JSON.stringify(chat.messages)}}`;
    expect(read("chat.completions", text).body).toMatch(/"n":2,"min_tokens":9,/);
  });

  test("keeps metadata unless the chat is to be stored", () => {
    const metadata = { order: "17" };
    const kept = read("chat.completions", { ...chat, metadata });
    expect(kept.metadata).toEqual(metadata);
    expect(JSON.parse(kept.body)).not.toHaveProperty("metadata");
    const stored = read("chat.completions", { ...chat, metadata, store: true });
    expect(JSON.parse(stored.body)).toMatchObject({ metadata, store: true });
    expect(
      JSON.parse(read("completions", { ...completion, metadata, store: false }).body),
    ).not.toHaveProperty("metadata");
  });

  test("has no other spelling of include_usage in its stream options", () => {
    const { streamOptions } = read("chat.completions", {
      ...chat,
      stream: true,
      stream_options: { include_usage: true, Include_Usage: false, other: 1 },
    });
    expect(streamOptions).toBe('{"include_usage":true,"other":1}');
  });

  test("always asks for floats, and remembers what the caller wanted", () => {
    const asked = read("embeddings", { ...embedding, encoding_format: "base64" });
    expect(JSON.parse(asked.body)).toEqual({ input: "Hi", encoding_format: "float" });
    expect(asked.base64).toBe(true);
    const plain = read("embeddings", embedding);
    expect(plain).toMatchObject({ base64: false, maxOutputTokens: null, outputTokens: 0 });
  });
});
