import { describe, expect, it } from "vitest";
import {
  callOf,
  chunk,
  doneEvent,
  httpUpstream,
  providerFor,
  recordingSink,
  sse,
  usageChunk,
} from "../upstream.ts";

const stop = chunk({}, "stop");
const calls = (...tool_calls: readonly object[]) => chunk({ tool_calls });
const named = (index: number, id: string | undefined, name: string, text: unknown) => ({
  index,
  ...(id === undefined ? {} : { id, type: "function" }),
  function: { name, arguments: text },
});

const choicePiece = (index: number, delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ choices: [{ index, delta, finish_reason: finish }] })}\n\n`;

const textPiece = (text: string, finish: string | null) =>
  `data: ${JSON.stringify({ object: "text_completion", choices: [{ index: 0, text, logprobs: { tokens: [text], text_offset: [0] }, finish_reason: finish }] })}\n\n`;

const logprobs = (token: string) => ({ content: [{ token, logprob: -0.5 }], refusal: null });

async function gathered(events: string, changes: Parameters<typeof callOf>[0] = {}) {
  let asked = "";
  const upstream = await httpUpstream((_request, response, body) => {
    asked = body;
    response.writeHead(200, sse).end(events);
  });
  const outcome = await providerFor(upstream.baseUrl).call(callOf(changes), recordingSink());
  const body = outcome.kind === "ok" ? outcome.body?.toString() : undefined;
  return { outcome, asked, answer: JSON.parse(body ?? "null") as Whole };
}

interface Whole {
  readonly choices: readonly { readonly message: Readonly<Record<string, unknown>> }[];
}

describe("an answer that is put together from a stream", () => {
  it("is what the engine would have written in one piece", async () => {
    const more = { created: 5, model: "m", system_fingerprint: "fp", service_tier: "default" };
    const piece = (delta: object, finish: string | null, logs: object | null = null) =>
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", ...more, obfuscation: "x", choices: [{ index: 0, delta, logprobs: logs, finish_reason: finish }] })}\n\n`;
    const events =
      piece({ role: "assistant", content: "", refusal: null }, null) +
      piece({ reasoning_content: "so" }, null) +
      piece({ content: "hé" }, null, logprobs("h")) +
      piece({ content: "llo", annotations: [{ type: "url_citation" }] }, null, logprobs("l")) +
      piece({}, "length") +
      usageChunk +
      doneEvent;
    const { outcome, answer, asked } = await gathered(events);
    expect(answer).toEqual({
      id: "c",
      object: "chat.completion",
      ...more,
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: "héllo",
            refusal: null,
            reasoning_content: "so",
            annotations: [{ type: "url_citation" }],
          },
          logprobs: {
            content: [
              { token: "h", logprob: -0.5 },
              { token: "l", logprob: -0.5 },
            ],
            refusal: null,
          },
          finish_reason: "length",
        },
      ],
      usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    });
    expect(outcome).toMatchObject({ contentType: "application/json", outputBytes: 8 });
    expect(JSON.parse(asked)).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it.each<[string, string, readonly object[]]>([
    [
      "in pieces",
      calls(named(0, "a", "get_", "")) +
        calls({ index: 0, function: { name: "weather" } }) +
        calls({ index: 0, function: { arguments: '{"city":' } }) +
        calls({ index: 0, function: { arguments: '"Oslo"}' } }),
      [
        {
          id: "a",
          type: "function",
          function: { name: "get_weather", arguments: '{"city":"Oslo"}' },
        },
      ],
    ],
    [
      "as an object",
      calls(named(0, "a", "f", { city: "Oslo" })),
      [{ id: "a", type: "function", function: { name: "f", arguments: '{"city":"Oslo"}' } }],
    ],
    [
      "twice the same",
      calls(named(0, "a", "f", "{}")) + calls(named(0, "a", "f", "{}")),
      [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
    ],
    [
      "two under one number",
      calls(named(0, undefined, "f", '{"a":1}')) + calls(named(0, undefined, "g", '{"b":2}')),
      [
        { function: { name: "f", arguments: '{"a":1}' } },
        { function: { name: "g", arguments: '{"b":2}' } },
      ],
    ],
    [
      "two ids under one number",
      calls(named(0, "a", "f", "{}")) + calls(named(0, "b", "f", "{}")),
      [
        { id: "a", type: "function", function: { name: "f", arguments: "{}" } },
        { id: "b", type: "function", function: { name: "f", arguments: "{}" } },
      ],
    ],
    [
      "interleaved",
      calls(named(0, "a", "f", "{")) +
        calls(named(1, "b", "g", "{")) +
        calls({ index: 0, function: { arguments: "}" } }) +
        calls({ index: 1, function: { arguments: "}" } }),
      [
        { id: "a", type: "function", function: { name: "f", arguments: "{}" } },
        { id: "b", type: "function", function: { name: "g", arguments: "{}" } },
      ],
    ],
    [
      "of a custom tool",
      calls({ index: 0, id: "a", type: "custom", custom: { name: "f", input: "" } }) +
        calls({ index: 0, custom: { input: "Os" } }) +
        calls({ index: 0, custom: { input: "lo" } }),
      [{ id: "a", type: "custom", custom: { name: "f", input: "Oslo" } }],
    ],
    [
      "without id and type",
      calls({ index: 0, function: { name: "f", arguments: "{}" } }),
      [
        {
          id: expect.stringMatching(/^call_/),
          type: "function",
          function: { name: "f", arguments: "{}" },
        },
      ],
    ],
    [
      "its name in every piece",
      calls(named(0, "a", "f", "{")) + calls(named(0, "a", "f", "}")),
      [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }],
    ],
  ])("has its tool calls: %s", async (_what, events, expected) => {
    const { answer } = await gathered(events + chunk({}, "tool_calls") + doneEvent);
    expect(answer.choices[0]).toMatchObject({
      message: { content: null, tool_calls: expected },
      finish_reason: "tool_calls",
    });
    expect(answer.choices[0]?.message["tool_calls"]).toHaveLength(expected.length);
  });

  it("has its choices in order, with what all of them used", async () => {
    const events =
      choicePiece(1, { content: "b" }, null) +
      choicePiece(0, { content: "a" }, null) +
      choicePiece(1, {}, "stop") +
      usageChunk +
      choicePiece(0, {}, "length") +
      usageChunk +
      doneEvent;
    const { answer } = await gathered(events, { choices: 2 });
    expect(answer).toMatchObject({
      choices: [
        { index: 0, message: { content: "a" }, finish_reason: "length" },
        { index: 1, message: { content: "b" }, finish_reason: "stop" },
      ],
      usage: { prompt_tokens: 7, completion_tokens: 4, total_tokens: 11 },
    });
  });

  it("of a completion has text and the logprobs of all pieces", async () => {
    const { answer } = await gathered(textPiece("a", null) + textPiece("b", "stop") + doneEvent, {
      endpoint: "completions",
    });
    expect(answer).toEqual({
      object: "text_completion",
      choices: [
        {
          index: 0,
          text: "ab",
          logprobs: { tokens: ["a", "b"], text_offset: [0, 0] },
          finish_reason: "stop",
        },
      ],
    });
  });

  it("that fails in its middle is the error that came", async () => {
    const error = { message: "Grammar error", type: "BadRequestError", code: 400 };
    const { outcome } = await gathered(
      chunk({ content: "a" }) + `data: ${JSON.stringify({ error })}\n\n` + doneEvent,
    );
    expect(outcome).toMatchObject({
      kind: "failed",
      reason: "bad_request",
      error: { message: "Grammar error" },
    });
  });

  it.each([
    ["speaks", { modalities: ["text", "audio"], audio: { voice: "a" } }],
    ["is chosen among more", { n: 1, best_of: 3 }],
    ["tells of the prompt's tokens", { prompt_logprobs: 1 }],
  ])("is not asked for where it %s", async (_what, fields) => {
    const { asked } = await gathered(stop + doneEvent, { body: JSON.stringify(fields) });
    expect(JSON.parse(asked)).not.toHaveProperty("stream");
  });

  it("is asked for in one piece after the upstream has refused to stream", async () => {
    const asked: unknown[] = [];
    const upstream = await httpUpstream((_request, response, body) => {
      const { stream = false } = JSON.parse(body) as { stream?: boolean };
      asked.push(stream);
      const error = {
        message: "Your organization must be verified to stream this model.",
        param: "stream",
      };
      if (stream) response.writeHead(400).end(JSON.stringify({ error }));
      else response.end('{"choices":[{"index":0,"message":{"content":"a"}}]}');
    });
    const provider = providerFor(upstream.baseUrl);
    expect(await provider.call(callOf(), recordingSink())).toMatchObject({ reason: "no_endpoint" });
    expect(await provider.call(callOf(), recordingSink())).toMatchObject({ kind: "ok" });
    expect(asked).toEqual([true, false]);
  });
});
