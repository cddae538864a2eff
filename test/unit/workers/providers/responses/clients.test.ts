import { createOpenAI } from "@ai-sdk/openai";
import { HumanMessage, type AIMessageChunk } from "@langchain/core/messages";
import { tool as langChainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { generateText, isStepCount, streamText, tool } from "ai";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { weatherFunction } from "../../../../system/clients/weather-function.ts";
import { chunk, doneEvent } from "../upstream.ts";
import { startBridge, type Bridge, type Script } from "./bridge.ts";
import { nativeAnswer } from "../openai/native-answer.ts";

// The AI SDK warns that reasoning without encrypted content is not sent again when nothing is
// stored.
globalThis.AI_SDK_LOG_WARNINGS = false;

const usage = {
  prompt_tokens: 7,
  completion_tokens: 5,
  total_tokens: 12,
  prompt_tokens_details: { cached_tokens: 3 },
  completion_tokens_details: { reasoning_tokens: 2 },
};
const usageEvent = `data: ${JSON.stringify({ id: "c", choices: [], usage })}\n\n`;

const hello =
  chunk({ role: "assistant", content: "" }) +
  chunk({ reasoning_content: "They " }) +
  chunk({ reasoning_content: "greet." }) +
  chunk({ content: "Hel" }) +
  chunk({ content: "lo" }) +
  chunk({}, "stop") +
  usageEvent +
  doneEvent;

const call = (index: number, id: string, name: string, ...pieces: readonly string[]) =>
  pieces
    .map((piece, at) =>
      chunk({
        tool_calls: [
          {
            index,
            ...(at === 0 ? { id, type: "function" } : {}),
            function: { ...(at === 0 ? { name } : {}), arguments: piece },
          },
        ],
      }),
    )
    .join("");

const twoCalls =
  chunk({ role: "assistant", content: "Let me see." }) +
  call(0, "call_a", "weather", '{"city":', '"Paris"}') +
  call(1, "call_b", "weather", '{"city":"Rome"}') +
  chunk({}, "tool_calls") +
  usageEvent +
  doneEvent;

const upstreams: readonly (readonly [name: string, responses: "native" | "translate", Script])[] = [
  ["through chat completions", "translate", (_request, turn) => (turn === 0 ? twoCalls : hello)],
  [
    "natively",
    "native",
    (_request, turn) => (turn === 0 ? nativeAnswer.twoCalls : nativeAnswer.hello),
  ],
];

const clientOf = ({ baseUrl }: Bridge) =>
  new OpenAI({ apiKey: "k", baseURL: baseUrl, maxRetries: 0 });

const weather = { Paris: "sun", Rome: "rain" } as Record<string, string>;

describe.each(upstreams)("a tool loop %s", (_name, responses, script) => {
  it("runs with the openai package's stream helper", async () => {
    const bridge = await startBridge(script, { responses });
    const client = clientOf(bridge);
    const first = await client.responses
      .stream({ model: "m", input: "Weather?", tools: [weatherFunction] })
      .finalResponse();
    const calls = first.output.filter((item) => item.type === "function_call");
    expect(calls.map((each) => [each.call_id, each.name, each.arguments])).toEqual([
      ["call_a", "weather", '{"city":"Paris"}'],
      ["call_b", "weather", '{"city":"Rome"}'],
    ]);
    expect(first.output_text).toBe("Let me see.");
    const second = await client.responses
      .stream({
        model: "m",
        input: [
          { role: "user", content: "Weather?" },
          ...first.output.map(({ ...item }) => item as OpenAI.Responses.ResponseInputItem),
          ...calls.map((each) => ({
            type: "function_call_output" as const,
            call_id: each.call_id,
            output: "sun",
          })),
        ],
      })
      .finalResponse();
    expect(second.output_text).toBe("Hello");
    expect(second.status).toBe("completed");
    expect(second.usage).toMatchObject({ input_tokens: 7, output_tokens: 5, total_tokens: 12 });
  });

  it.each([
    ["the AI SDK's defaults, which refer to stored items", {}],
    ["the AI SDK when nothing is stored", { store: false }],
  ])("runs with %s", async (_what, options) => {
    const bridge = await startBridge(script, { responses });
    const openai = createOpenAI({ apiKey: "k", baseURL: bridge.baseUrl });
    const question = {
      model: openai("m"),
      maxRetries: 0,
      stopWhen: isStepCount(3),
      providerOptions: { openai: options },
      tools: { weather: aiWeather },
      onError: ({ error }: { error: unknown }) => {
        throw error;
      },
    };
    const result = streamText({ ...question, prompt: "Weather?" });
    expect(await result.text).toBe("Hello");
    const steps = await result.steps;
    expect(steps[0]?.toolResults.map((each) => each.output)).toEqual(["sun", "rain"]);
    expect(steps[1]?.reasoningText).toBe("They greet.");
    expect(await result.finishReason).toBe("stop");
    expect(steps[1]?.usage).toMatchObject({ inputTokens: 7, outputTokens: 5 });
    const messages = [
      { role: "user" as const, content: "Weather?" },
      ...(await result.responseMessages),
      { role: "user" as const, content: "Thanks" },
    ];
    expect(await streamText({ ...question, messages }).text).toBe("Hello");
    const last = JSON.stringify(bridge.requests.at(-1)?.body);
    for (const word of ["Weather?", "Let me see.", "Paris", "sun", "Hello", "Thanks"])
      expect(last).toContain(word);
  });

  it("runs with LangChain's ChatOpenAI", async () => {
    const bridge = await startBridge(script, { responses });
    const model = new ChatOpenAI({
      model: "m",
      useResponsesApi: true,
      apiKey: "k",
      maxRetries: 0,
      configuration: { baseURL: bridge.baseUrl },
    }).bindTools([weatherTool]);
    const question = new HumanMessage("Weather?");
    const stream = await model.stream([question]);
    let first: AIMessageChunk | undefined;
    for await (const piece of stream) first = first === undefined ? piece : first.concat(piece);
    expect(first?.tool_calls?.map((each) => each.args)).toEqual([
      { city: "Paris" },
      { city: "Rome" },
    ]);
    expect(first?.text).toBe("Let me see.");
    const outputs = await Promise.all(
      first!.tool_calls!.map((each) => weatherTool.invoke(each as never)),
    );
    const second = await model.invoke([question, first!, ...outputs]);
    expect(second.text).toBe("Hello");
    expect(second.usage_metadata).toMatchObject({ input_tokens: 7, output_tokens: 5 });
  });

  it("is whole for whoever does not stream", async () => {
    const bridge = await startBridge(() => (responses === "native" ? nativeAnswer.hello : hello), {
      responses,
    });
    const response = await clientOf(bridge).responses.create({
      model: "m",
      input: "Hi",
      instructions: "Be kind.",
      metadata: { a: "1" },
      temperature: 0.5,
    });
    expect(response).toMatchObject({
      object: "response",
      model: "m",
      status: "completed",
      output_text: "Hello",
      instructions: "Be kind.",
      metadata: { a: "1" },
      temperature: 0.5,
      error: null,
      incomplete_details: null,
      usage: { input_tokens_details: { cached_tokens: 3 } },
    });
    const openai = createOpenAI({ apiKey: "k", baseURL: bridge.baseUrl });
    const { text, reasoningText } = await generateText({ model: openai("m"), prompt: "Hi" });
    expect([text, reasoningText]).toEqual(["Hello", "They greet."]);
  });
});

const aiWeather = tool({
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => weather[city] ?? "",
});

const weatherTool = langChainTool(({ city }: { city: string }) => weather[city] ?? "", {
  name: "weather",
  schema: z.object({ city: z.string() }),
});
