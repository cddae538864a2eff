import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startRecordingUpstream, type RecordingUpstream } from "./recording-upstream.ts";

let upstream: RecordingUpstream;
let broker: TestBroker;
let client: OpenAI;
beforeAll(async () => {
  upstream = await startRecordingUpstream();
  broker = await startTestBroker({
    providers: { gpu: { baseUrl: upstream.url } },
    models: "  chat:\n    serve: [{ provider: gpu, model: upstream-model }]",
  });
  const { key } = await broker.key();
  client = new OpenAI({ apiKey: key, baseURL: broker.baseUrl, maxRetries: 0 });
});
afterAll(async () => {
  await broker.stop();
  await upstream.close();
});

const call = {
  id: "call_1",
  type: "function" as const,
  function: { name: "weather", arguments: '{"city":"Zürich"}' },
};
const request = {
  model: "chat",
  messages: [
    { role: "user" as const, content: [{ type: "text" as const, text: "Weather?" }] },
    { role: "assistant" as const, content: null, tool_calls: [call] },
    { role: "tool" as const, tool_call_id: "call_1", content: "Rain" },
  ],
  tools: [
    {
      type: "function" as const,
      function: {
        name: "weather",
        strict: true,
        parameters: { type: "object", properties: { city: { type: "string" } } },
      },
    },
  ],
  tool_choice: { type: "function" as const, function: { name: "weather" } },
  parallel_tool_calls: false,
  temperature: 0.5,
  top_p: 0.1,
  stop: ["END"],
  logprobs: true,
  top_logprobs: 3,
  response_format: { type: "json_object" as const },
  user: "someone",
  metadata: { topic: "weather" },
};

/** The broker shows metadata with the job; upstreams accept it only with chats that they store. */
const { metadata: _kept, ...passed } = request;
const sent = { ...passed, model: "upstream-model" };

function chunk(delta: object, reason: string | null): object {
  return {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "upstream-model",
    choices: [{ index: 0, delta, finish_reason: reason, of_the_engines_own: 1 }],
  };
}

/** The broker adds these fields, because it reads streams and joins them into whole answers. */
const streamed = { stream: true, stream_options: { include_usage: true } };

function lastBody(): unknown {
  const body = upstream.bodies.at(-1);
  if (body === undefined) throw new Error("nothing was called");
  return JSON.parse(body.toString());
}

test("what the request says reaches the upstream, tool calls reach the caller", async () => {
  const answer = {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "upstream-model",
    system_fingerprint: "fp_1",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: null, tool_calls: [call], reasoning: "rain" },
        finish_reason: "tool_calls",
      },
    ],
    usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
    of_the_engines_own: { nested: [1, null] },
  };
  upstream.answerWith({ json: answer });
  expect(await client.chat.completions.create({ ...request, max_tokens: 50 })).toEqual(answer);
  expect(lastBody()).toEqual({ ...sent, max_tokens: 50, ...streamed });
});

test("tool calls in a stream come event by event as the upstream wrote them", async () => {
  const chunks = [
    chunk({ role: "assistant", content: null }, null),
    chunk(
      { tool_calls: [{ index: 0, ...call, function: { name: "weather", arguments: "" } }] },
      null,
    ),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }, null),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '"Zürich"}' } }] }, null),
    chunk({}, "tool_calls"),
  ];
  const events = chunks.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`).join("");
  upstream.answerWith({ events: `: comment\n\n${events}data: [DONE]\n\n` });
  const stream = await client.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_obfuscation: false },
  });
  const received: unknown[] = [];
  for await (const event of stream) received.push(event);
  expect(received).toEqual(chunks);
  expect(lastBody()).toEqual({
    ...sent,
    max_tokens: 4_096,
    stream: true,
    stream_options: { include_obfuscation: false, include_usage: true },
  });
});

test("service_tier and the cap's name are the broker's business, not this upstream's", async () => {
  upstream.answerWith({
    json: { choices: [{ index: 0, message: { content: "" }, finish_reason: "stop" }] },
  });
  const { messages } = request;
  await client.chat.completions.create({
    model: "chat",
    messages,
    service_tier: "flex",
    max_completion_tokens: 7,
  });
  expect(lastBody()).toEqual({ model: "upstream-model", messages, max_tokens: 7, ...streamed });
});
