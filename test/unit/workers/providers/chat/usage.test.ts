import { describe, expect, it } from "vitest";
import { readUsage } from "../../../../../workers/providers/chat/read-usage.ts";
import {
  callOf,
  chunk,
  doneEvent,
  httpUpstream,
  providerFor,
  recordingSink,
  sse,
  streamUpstream,
} from "../upstream.ts";

const floor = { promptIsFloor: true, completionIsFloor: true };
const used = (prompt: number, completion: number) => ({
  promptTokens: prompt,
  completionTokens: completion,
});
const usage = (prompt: number, completion: number) => ({
  usage: { prompt_tokens: prompt, completion_tokens: completion },
});
const only = (prompt: number, completion: number) =>
  `data: ${JSON.stringify({ choices: [], ...usage(prompt, completion) })}\n\n`;
const of = (index: number, delta: object, finish: string | null = null, more: object = {}) =>
  `data: ${JSON.stringify({ choices: [{ index, delta, finish_reason: finish }], ...more })}\n\n`;

describe("readUsage", () => {
  it.each<[string, object, object | undefined]>([
    ["plain", { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 }, used(12, 5)],
    [
      "reasoning beside the completion, in the total",
      {
        prompt_tokens: 12,
        completion_tokens: 5,
        total_tokens: 1017,
        completion_tokens_details: { reasoning_tokens: 1000 },
      },
      used(12, 1005),
    ],
    [
      "reasoning beside the completion, without a total",
      {
        prompt_tokens: 12,
        completion_tokens: 5,
        completion_tokens_details: { reasoning_tokens: 1000 },
      },
      used(12, 1005),
    ],
    [
      "reasoning within the completion",
      {
        prompt_tokens: 12,
        completion_tokens: 50,
        completion_tokens_details: { reasoning_tokens: 40 },
      },
      used(12, 50),
    ],
    [
      "a total that is larger",
      { prompt_tokens: 12, completion_tokens: 5, total_tokens: 100 },
      used(12, 88),
    ],
    [
      "a total that is smaller",
      { prompt_tokens: 12, completion_tokens: 5, total_tokens: 1 },
      used(12, 5),
    ],
    ["names of responses", { input_tokens: 12, output_tokens: 5 }, used(12, 5)],
    [
      "both names, one of them empty",
      { input_tokens: 12, output_tokens: 5, prompt_tokens: 0, completion_tokens: 0 },
      used(12, 5),
    ],
    [
      "Anthropic's cached tokens",
      {
        input_tokens: 12,
        output_tokens: 5,
        cache_read_input_tokens: 100,
        cache_creation_input_tokens: 8,
      },
      used(120, 5),
    ],
    [
      "more cached than prompt",
      { prompt_tokens: 12, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 100 } },
      used(112, 5),
    ],
    [
      "cached within the prompt",
      { prompt_tokens: 12, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 12 } },
      used(12, 5),
    ],
    ["no completion, but a total", { prompt_tokens: 12, total_tokens: 17 }, used(12, 5)],
    ["no completion", { prompt_tokens: 12 }, { ...used(12, 0), completionIsFloor: true }],
    ["no prompt", { completion_tokens: 5 }, used(0, 5)],
    ["beyond 32 bits", { prompt_tokens: 1e15, completion_tokens: 5 }, used(2 ** 31 - 1, 5)],
    ["nulls", { prompt_tokens: null, completion_tokens: null }, undefined],
    ["nothing", {}, undefined],
    ["numbers as texts", { prompt_tokens: "12", completion_tokens: 5 }, used(12, 5)],
    ["fractions", { prompt_tokens: 1.5, completion_tokens: 5 }, used(2, 5)],
    ["words", { prompt_tokens: "many", completion_tokens: "few" }, undefined],
    ["a negative", { prompt_tokens: 12, completion_tokens: -5 }, { ...used(12, 0), ...floor }],
    [
      "a negative, and a total",
      { prompt_tokens: -1, total_tokens: 9 },
      { ...used(9, 0), ...floor },
    ],
  ])("%s", (_what, given, expected) => {
    expect(readUsage(given, "chat.completions")).toEqual(expected);
  });

  it("counts embeddings by their prompt, or what stands for it", () => {
    expect(readUsage({ prompt_tokens: 4, total_tokens: 4 }, "embeddings")).toEqual(used(4, 0));
    expect(readUsage({ total_tokens: 4 }, "embeddings")).toEqual(used(4, 0));
    expect(readUsage({ input_tokens: 4 }, "embeddings")).toEqual(used(4, 0));
  });
});

const text = (index: number, finish: string | null, more: object = {}) =>
  `data: ${JSON.stringify({ choices: [{ index, text: "a", finish_reason: finish }], ...more })}\n\n`;
const hi = { content: "hi" };

describe("what a stream tells of its usage", () => {
  it.each<[string, string, object | undefined]>([
    ["after everything", of(0, hi) + of(0, {}, "stop") + only(7, 2), used(7, 2)],
    ["with the finish reason", of(0, hi) + of(0, {}, "stop", usage(7, 2)), used(7, 2)],
    [
      "zeros with every chunk, the truth at last (Ollama)",
      of(0, hi, null, usage(0, 0)) + of(0, {}, "stop", usage(0, 0)) + only(7, 2),
      used(7, 2),
    ],
    [
      "a zero at last",
      of(0, hi, null, usage(7, 1)) + of(0, {}, "stop") + only(0, 0),
      { ...used(7, 1), ...floor },
    ],
    [
      "with the first chunk alone",
      of(0, { content: "" }, null, usage(12, 0)) + of(0, hi) + of(0, {}, "stop"),
      { ...used(12, 0), ...floor },
    ],
    [
      "alone before the end",
      only(12, 1) + of(0, hi) + of(0, {}, "stop"),
      { ...used(12, 1), ...floor },
    ],
    ["twice", of(0, hi) + of(0, {}, "stop") + only(7, 2) + only(7, 2), used(7, 2)],
    ["nowhere", of(0, hi) + of(0, {}, "stop"), undefined],
    ["as Groq does", of(0, hi) + of(0, {}, "stop", { x_groq: usage(7, 2) }), used(7, 2)],
  ])("%s", async (_what, body, expected) => {
    const outcome = await streamed(body + doneEvent);
    expect(outcome.kind).toBe("ok");
    expect(outcome.usage).toEqual(expected);
  });

  const two = of(0, hi) + of(1, hi) + of(0, hi) + of(1, hi);
  it.each<[string, string, object]>([
    ["once for all (vLLM)", two + of(0, {}, "stop") + of(1, {}, "stop") + only(7, 8), used(7, 8)],
    [
      "once for each (llama.cpp)",
      two + of(0, {}, "stop") + only(7, 4) + of(1, {}, "stop") + only(7, 3),
      used(7, 7),
    ],
    [
      "with every chunk, for its choice (vLLM)",
      of(0, hi, null, usage(7, 1)) +
        of(1, hi, null, usage(7, 1)) +
        of(0, {}, "stop", usage(7, 2)) +
        of(1, {}, "stop", usage(7, 3)) +
        only(7, 5),
      used(7, 5),
    ],
    [
      "with each finish reason",
      two + of(0, {}, "stop", usage(7, 4)) + of(1, {}, "stop", usage(7, 3)),
      used(7, 7),
    ],
    [
      "of one choice alone",
      two + of(0, {}, "stop") + of(1, {}, "stop") + only(7, 2),
      { ...used(7, 2), ...floor },
    ],
  ])("of two choices, %s", async (_what, body, expected) => {
    const outcome = await streamed(body + doneEvent, { choices: 2 });
    expect(outcome.usage).toEqual(expected);
  });

  it("adds up the prompts of a list, which llama.cpp reports one by one", async () => {
    const pieces = [0, 1, 2, 3].map(
      (index) => text(index, null) + text(index, "length", usage(5, 2)),
    );
    const body = pieces.join("") + doneEvent;
    const asked = {
      endpoint: "completions",
      choices: 4,
      body: '{"prompt":["a","b"],"n":2}',
    } as const;
    expect((await streamed(body, asked)).usage).toEqual(used(10, 8));
  });

  it("counts what an exact engine said last when the stream is cut", async () => {
    const body = of(0, hi, null, usage(7, 1)) + of(0, hi, null, usage(7, 2));
    expect((await streamed(body)).usage).toEqual({ ...used(7, 2), ...floor });
    expect((await streamed(body, { runningUsageIsExact: true })).usage).toEqual(used(7, 2));
  });

  it("is asked of vLLM with every chunk, and shown to nobody who did not ask", async () => {
    let asked = "";
    const upstream = await httpUpstream((_request, response, body) => {
      asked = body;
      response
        .writeHead(200, sse)
        .end(
          of(0, hi, null, usage(7, 1)) + of(0, {}, "stop", usage(7, 1)) + only(7, 1) + doneEvent,
        );
    });
    const provider = providerFor(upstream.baseUrl, { engine: "vllm" });
    const shown = async (changes: Parameters<typeof callOf>[0]) => {
      const sink = recordingSink();
      const outcome = await provider.call(callOf({ stream: true, ...changes }), sink);
      const said = sink.text() + (outcome.kind === "ok" ? outcome.tail : "");
      return said.match(/"usage"/g)?.length ?? 0;
    };
    expect(await shown({ wantsUsage: false })).toBe(0);
    expect(JSON.parse(asked)).toMatchObject({
      stream_options: { include_usage: true, continuous_usage_stats: true },
    });
    const options = { include_usage: true };
    expect(await shown({ wantsUsage: true, streamOptions: JSON.stringify(options) })).toBe(1);
    const running = { ...options, continuous_usage_stats: true };
    expect(await shown({ wantsUsage: true, streamOptions: JSON.stringify(running) })).toBe(3);
  });
});

async function streamOf(body: string): Promise<string> {
  const upstream = await streamUpstream(body);
  const sink = recordingSink();
  const call = callOf({ stream: true, wantsUsage: true });
  const outcome = await providerFor(upstream.baseUrl).call(call, sink);
  return sink.text() + (outcome.kind === "ok" ? outcome.tail : "");
}

describe("usage that came with the finish reason and after it", () => {
  const both = of(0, hi) + of(0, {}, "stop", usage(7, 1)) + only(7, 1) + doneEvent;

  it("is told once, since langchain-openai 1.7.4 and pydantic-ai 2.68.0 add it up", async () => {
    expect((await streamOf(both)).match(/"usage"/g)).toHaveLength(1);
    expect((await streamOf(both)).indexOf('"usage"')).toBeGreaterThan(
      (await streamOf(both)).indexOf("stop"),
    );
    const alone = of(0, hi) + of(0, {}, "stop", usage(7, 1)) + doneEvent;
    expect((await streamOf(alone)).match(/"usage"/g)).toHaveLength(1);
  });

  it("comes without an empty error, for which AI SDK 6.0.326 drops a chunk", async () => {
    const empty = `data: ${JSON.stringify({ choices: [{ index: 0, delta: hi }], error: null })}\n\n`;
    const readable = await streamOf(empty + of(0, {}, "stop") + doneEvent);
    expect(readable).toContain('"delta"');
    expect(readable).not.toContain('"error"');
  });
});

async function streamed(body: string, changes: Parameters<typeof callOf>[0] = {}) {
  const upstream = await streamUpstream(body);
  return await providerFor(upstream.baseUrl).call(
    callOf({ stream: true, ...changes }),
    recordingSink(),
  );
}

describe("a whole answer's usage", () => {
  it("of several choices is a floor, since llama.cpp tells the first one's", async () => {
    const choices = [0, 1].map((index) => ({ index, message: hi, finish_reason: "stop" }));
    const upstream = await httpUpstream((_request, response) => {
      response.end(JSON.stringify({ choices, ...usage(7, 4) }));
    });
    const provider = providerFor(upstream.baseUrl);
    for (const stream of [false, true]) {
      const outcome = await provider.call(callOf({ choices: 2, stream }), recordingSink());
      expect(outcome.usage).toEqual({ ...used(7, 4), completionIsFloor: true });
    }
  });

  it("is no part of what an unstreamed call hides when it is stopped", async () => {
    const aborter = new AbortController();
    const upstream = await httpUpstream(() => aborter.abort());
    const call = callOf({ signal: aborter.signal });
    const unstreamed = providerFor(upstream.baseUrl, { streamUpstream: false });
    expect(await unstreamed.call(call, recordingSink())).toMatchObject({ hidesOutput: true });
  });

  it("chunks of one choice say nothing of another: fewer than asked for are what was generated", async () => {
    const outcome = await streamed(chunk(hi) + chunk({}, "stop", usage(7, 2)) + doneEvent, {
      choices: 2,
    });
    expect(outcome).toMatchObject({ kind: "ok", usage: used(7, 2) });
  });
});
