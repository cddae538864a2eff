import { createOpenAI } from "@ai-sdk/openai";
import { ChatOpenAI } from "@langchain/openai";
import { jsonSchema, streamText, tool } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startReportRig, type ReportRig } from "./report-rig.ts";
import { streamAnswer, wholeChoice, type ScriptedAnswer } from "./scripted-upstream.ts";

let rig: ReportRig;
beforeAll(async () => {
  rig = await startReportRig();
});
afterAll(() => rig.stop());

type Call = readonly [name: string, given: unknown];

const parameters = { type: "object", properties: { city: { type: "string" } } } as const;
const tools = ["f", "g"].map((name) => ({
  type: "function" as const,
  function: { name, parameters },
}));
const messages = [{ role: "user" as const, content: "x" }];

async function withOpenAI(): Promise<Call[]> {
  const client = new OpenAI({ baseURL: rig.broker.baseUrl, apiKey: rig.key, maxRetries: 0 });
  const stream = client.chat.completions.stream({ model: "m", messages, tools });
  const { choices } = await stream.finalChatCompletion();
  const calls = choices[0]?.message.tool_calls ?? [];
  for (const { id, type } of calls) expect([typeof id, type]).toEqual(["string", "function"]);
  return calls.map((call) => {
    if (call.type !== "function") throw new Error("no call of a function");
    return [call.function.name, JSON.parse(call.function.arguments)];
  });
}

async function withAiSdk(): Promise<Call[]> {
  const openai = createOpenAI({ baseURL: rig.broker.baseUrl, apiKey: rig.key });
  const made = tool({ inputSchema: jsonSchema<object>(parameters), execute: () => "" });
  const { fullStream } = streamText({
    model: openai.chat("m"),
    prompt: "x",
    maxRetries: 0,
    tools: { f: made, g: made },
    onError: () => undefined,
  });
  const calls: Call[] = [];
  for await (const part of fullStream) {
    if (part.type === "error") throw part.error;
    if (part.type === "tool-call") calls.push([part.toolName, part.input]);
  }
  return calls;
}

async function withLangChain(): Promise<Call[]> {
  const configuration = { baseURL: rig.broker.baseUrl };
  const model = new ChatOpenAI({ model: "m", apiKey: rig.key, configuration, maxRetries: 0 });
  const stream = await model.bindTools(tools).stream("x");
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  const message = pieces.reduce((before, piece) => before.concat(piece));
  expect(message.invalid_tool_calls ?? []).toEqual([]);
  return (message.tool_calls ?? []).map(({ name, args }) => [name, args]);
}

const call = (fields: object, at: object = {}) => ({
  tool_calls: [{ index: 0, type: "function", function: fields, ...at }],
});
const called = (...deltas: object[]) => streamAnswer({ deltas, finish: "tool_calls" });
const [oslo, bergen] = ['{"city":"Oslo"}', '{"city":"Bergen"}'];
const f = { name: "f", arguments: oslo };
const g = { name: "g", arguments: bergen };
const one: Call[] = [["f", { city: "Oslo" }]];
const two: Call[] = [...one, ["g", { city: "Bergen" }]];

/** Most engines send the role first; this drops it. */
const withoutRole = ({ chunks, ...answer }: ScriptedAnswer): ScriptedAnswer => ({
  ...answer,
  chunks: chunks.slice(1),
});
const withoutIndex = ({ chunks, ...answer }: ScriptedAnswer): ScriptedAnswer => ({
  ...answer,
  chunks: chunks.map((chunk) => String(chunk).replace('[{"index":0,"delta"', '[{"delta"')),
});
const message = {
  role: "assistant",
  content: null,
  tool_calls: [{ id: "a", type: "function", function: f }],
};
const wholeChunk = JSON.stringify({
  choices: [{ index: 0, message, finish_reason: "tool_calls" }],
});

describe.each([
  ["the openai package", withOpenAI],
  ["the AI SDK", withAiSdk],
  ["LangChain", withLangChain],
])("streamed tool calls that common clients put together wrong (K12): %s", (_client, read) => {
  test.each<[string, ScriptedAnswer, Call[]]>([
    ["two under one index", called(call(f, { id: "a" }), call(g, { id: "b" })), two],
    [
      "none with an index",
      called(call(f, { id: "a", index: undefined }), call(g, { id: "b", index: undefined })),
      two,
    ],
    [
      "two without an index in one chunk",
      called({
        tool_calls: [
          { id: "a", type: "function", function: f },
          { id: "b", type: "function", function: g },
        ],
      }),
      two,
    ],
    ["an index from 1 on", called(call(f, { id: "a", index: 1 })), one],
    ["neither id nor type", called({ tool_calls: [{ index: 0, function: f }] }), one],
    [
      "arguments as an object",
      called(call({ name: "f", arguments: { city: "Oslo" } }, { id: "a" })),
      one,
    ],
    [
      "id and name in every piece",
      called(
        call({ name: "f", arguments: '{"city":' }, { id: "a" }),
        call({ name: "f", arguments: '"Oslo"}' }, { id: "a" }),
      ),
      one,
    ],
    ["one call without a list", called({ tool_calls: { id: "a", function: f } }), one],
    ["no role", withoutRole(called(call(f, { id: "a" }))), one],
    ["choices without an index", withoutIndex(called(call(f, { id: "a" }))), one],
    [
      "a whole message in a chunk",
      {
        headers: { "content-type": "text/event-stream" },
        chunks: [`data: ${wholeChunk}\n\ndata: [DONE]\n\n`],
      },
      one,
    ],
  ])("%s", async (_name, answer, expected) => {
    rig.one.play(() => answer);
    expect(await read()).toEqual(expected);
  });
});

test.each<[string, object, Call[]]>([
  [
    "arguments as an object",
    { id: "a", type: "function", function: { name: "f", arguments: { city: "Oslo" } } },
    one,
  ],
  ["neither id nor type", { function: f }, one],
  ["no arguments", { id: "a", type: "function", function: { name: "f" } }, [["f", {}]]],
])("calls of a whole answer that comes in one piece: %s", async (_name, made, expected) => {
  rig.one.play(() => wholeChoice(null, "tool_calls", { tool_calls: [made] }));
  const client = new OpenAI({ baseURL: rig.broker.baseUrl, apiKey: rig.key, maxRetries: 0 });
  const { choices } = await client.chat.completions.create({ model: "m", messages, tools });
  const [read] = choices[0]?.message.tool_calls ?? [];
  expect(read).toMatchObject({ id: expect.any(String), type: "function" });
  if (read?.type !== "function") throw new Error("no call of a function");
  expect([[read.function.name, JSON.parse(read.function.arguments)]]).toEqual(expected);
});

test("calls that are well written go on as they came", async () => {
  const answer = called(
    call({ name: "f", arguments: "" }, { id: "a" }),
    { tool_calls: [{ index: 0, function: { arguments: oslo } }] },
    call(g, { id: "b", index: 1 }),
  );
  rig.one.play(() => answer);
  const stream_options = { include_usage: true };
  const { text } = await rig.post("/chat/completions", {
    model: "m",
    messages,
    stream: true,
    stream_options,
  });
  expect(text).toBe(answer.chunks.join(""));
});
