import { createOpenAI } from "@ai-sdk/openai";
import { streamText } from "ai";
import OpenAI from "openai";
import { describe, expect, it, test } from "vitest";
import type { EngineName } from "../../../../../config/engine-name.ts";
import { chunk, doneEvent } from "../upstream.ts";
import { startBridge, type Script } from "../responses/bridge.ts";
import { message, messageEvents, nativeAnswer, nativeStream } from "./native-answer.ts";
import { eventsOf, readAll, readerOf } from "../responses/read-with-sdk.ts";

const chat = chunk({ content: "Hello" }, "stop") + doneEvent;
const either: Script = ({ path }) => (path.endsWith("/responses") ? nativeAnswer.hello : chat);

const usage = (output: number) => ({
  usage: { input_tokens: 7, output_tokens: output, total_tokens: 7 + output },
});

/** llama.cpp (in llama-cpp-python 0.3.36) writes events without numbers and without places. */
const withoutPlaces = nativeStream(messageEvents(0, message("msg_up1", "Hello"), "Hello"), [
  message("msg_up1", "Hello"),
]).replaceAll(/"(?:sequence_number|output_index|content_index)":\d+,?/g, "");

describe("which engines serve responses themselves", () => {
  it.each<[EngineName | undefined, "responses" | "chat/completions"]>([
    ["vllm", "responses"],
    ["openai", "responses"],
    [undefined, "responses"],
    ["llamacpp", "chat/completions"],
    ["ollama", "chat/completions"],
    ["lmstudio", "chat/completions"],
    ["sglang", "chat/completions"],
    ["tgi", "chat/completions"],
  ])("%s: %s", async (engine, path) => {
    const changes = { responses: "auto" as const, ...(engine === undefined ? {} : { engine }) };
    const { baseUrl, requests } = await startBridge(either, changes);
    const client = new OpenAI({ apiKey: "k", baseURL: baseUrl, maxRetries: 0 });
    const { output_text: text } = await client.responses.create({ model: "m", input: "Hi" });
    expect(text).toBe("Hello");
    expect(requests.map((request) => request.path)).toEqual([`/v1/${path}`]);
  });
});

/** Asks a vLLM with one tool; returns the paths it was asked at, and the answer or the error. */
const ask = async (responses: "auto" | "native", tool: object) => {
  const bridge = await startBridge(either, { responses, engine: "vllm" });
  const body = JSON.stringify({ model: "m", input: "Hi", tools: [tool] });
  const answer = await fetch(`${bridge.baseUrl}/responses`, { method: "POST", body });
  return {
    status: answer.status,
    text: await answer.text(),
    paths: bridge.requests.map((r) => r.path),
  };
};

describe("what vLLM would pass over in silence", () => {
  it.each(["auto", "native"] as const)(
    "is asked for through chat completions where these can say it: %s",
    async (responses) => {
      expect(await ask(responses, { type: "custom", name: "f" })).toMatchObject({
        status: 200,
        paths: ["/v1/chat/completions"],
      });
    },
  );

  it("is refused by name where they cannot", async () => {
    const search = await ask("auto", { type: "web_search" });
    expect(search).toMatchObject({ status: 400, paths: [] });
    expect(search.text).toContain("tools[0].type");
    const forced = await ask("native", { type: "web_search" });
    expect(forced).toMatchObject({ status: 400, paths: [] });
    expect(forced.text).toContain("passed over in silence by the engine of this model (vllm)");
  });

  it("but for a search that may not search, and functions in chat's own shape", async () => {
    const search = await ask("native", { type: "web_search", external_web_access: false });
    expect(search).toMatchObject({ status: 200, paths: ["/v1/responses"] });
    const bridge = await startBridge(either, { responses: "native" });
    const tools = [{ type: "function", function: { name: "f" } }];
    const body = JSON.stringify({ model: "m", input: "Hi", tools });
    expect((await fetch(`${bridge.baseUrl}/responses`, { method: "POST", body })).status).toBe(200);
    expect(bridge.requests[0]?.body["tools"]).toEqual([{ type: "function", name: "f" }]);
  });
});

test("events without their places are read by the openai package and the AI SDK", async () => {
  const { baseUrl } = await startBridge(() => withoutPlaces, { responses: "native" });
  const client = new OpenAI({ apiKey: "k", baseURL: baseUrl, maxRetries: 0 });
  const helper = client.responses.stream({ model: "m", input: "Hi" });
  expect((await helper.finalResponse()).output_text).toBe("Hello");
  const model = createOpenAI({ apiKey: "k", baseURL: baseUrl })("m");
  const { text, finishReason } = streamText({ model, prompt: "Hi", maxRetries: 0 });
  expect(await text).toBe("Hello");
  expect(await finishReason).toBe("stop");
});

const event = (type: string, fields: object) => `data: ${JSON.stringify({ type, ...fields })}\n\n`;

test("places are counted by item, part and summary", () => {
  const part = (id: string) =>
    event("response.content_part.added", { item_id: id, part: { type: "output_text", text: "" } }) +
    event("response.output_text.delta", { item_id: id, delta: "x" });
  const wire =
    event("response.output_item.added", { item: { id: "a", type: "message" } }) +
    part("a") +
    part("a") +
    event("response.output_item.done", { item: { id: "a", type: "message", content: [] } }) +
    event("response.output_item.added", { item: { id: "b", type: "function_call" } }) +
    event("response.function_call_arguments.delta", { item_id: "b", delta: "{}" });
  const { text } = readAll(readerOf("native"), nativeStream(wire, []));
  const places = eventsOf(text).map((each) => [each["output_index"], each["content_index"]]);
  expect(places).toEqual([
    [0, undefined],
    [0, 0],
    [0, 0],
    [0, 1],
    [0, 1],
    [0, undefined],
    [1, undefined],
    [1, undefined],
  ]);
});

describe("an answer that was cut at its cap", () => {
  const cut = nativeStream(
    messageEvents(0, message("msg_up1", "He"), "He"),
    [message("msg_up1", "He")],
    usage(64),
  );

  it("is incomplete, though its engine says completed", () => {
    const { response, status, tail } = readAll(readerOf("native"), cut);
    expect(status).toBe("incomplete");
    const details = { reason: "max_output_tokens" };
    expect(response).toMatchObject({ status, completed_at: null, incomplete_details: details });
    expect(eventsOf(tail ?? "").at(-1)?.type).toBe("response.incomplete");
  });

  it("is taken at OpenAI's word, and so is one below the cap", async () => {
    const { baseUrl } = await startBridge(() => cut, { responses: "native", engine: "openai" });
    const client = new OpenAI({ apiKey: "k", baseURL: baseUrl, maxRetries: 0 });
    const body = { model: "m", input: "Hi", max_output_tokens: 64 };
    expect((await client.responses.create(body)).status).toBe("completed");
    expect(
      readAll(readerOf("native"), nativeStream("", [message("m", "x")], usage(63))).status,
    ).toBe("completed");
  });
});

test("a response that came as one object, though a stream was asked for", () => {
  const output = [message("msg_up1", "Hello")];
  const whole = { object: "response", id: "resp_up", status: "completed", output, ...usage(5) };
  const { text, tail, response, reader } = readAll(
    readerOf("native"),
    `data: ${JSON.stringify(whole)}\n\n`,
  );
  expect(eventsOf(text + tail).map(({ type }) => type)).toEqual([
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  expect(response).toMatchObject({ status: "completed", usage: { output_tokens: 5 } });
  expect(reader.usage).toEqual({ promptTokens: 7, completionTokens: 5 });
  const failed = readAll(
    readerOf("native"),
    `data: ${JSON.stringify({ ...whole, status: "failed", error: { code: "server_error", message: "x" } })}\n\n`,
  );
  expect(failed.failure?.reason).toBe("server_error");
});
