import type OpenAI from "openai";
import { expect, test } from "vitest";
import { clientOf, testSimulator } from "./support.ts";

type Message = OpenAI.ChatCompletionMessageParam;

const tools: OpenAI.ChatCompletionFunctionTool[] = ["weather", "climate"].map((name) => ({
  type: "function",
  function: {
    name,
    parameters: {
      type: "object",
      properties: { city: { enum: ["Rome", "Oslo"] }, metric: { type: "boolean" } },
      required: ["city", "metric"],
    },
  },
}));
const argumentsText = '{"city":"Rome","metric":true}';
const user = (content: string): Message => ({ role: "user", content });

test("a chat with tools calls one function, and speaks after its result", async () => {
  const { completions } = clientOf(await testSimulator()).chat;
  const messages = [user("Weather?")];
  const first = await completions.create({ model: "m", messages, tools });
  const [choice] = first.choices;
  expect(choice).toMatchObject({
    finish_reason: "tool_calls",
    message: {
      content: null,
      tool_calls: [{ type: "function", function: { name: "weather", arguments: argumentsText } }],
    },
  });
  const call = choice!.message.tool_calls![0]!;
  const result: Message = { role: "tool", tool_call_id: call.id, content: "rain" };
  const said = [...messages, choice!.message, result];
  const second = await completions.create({ model: "m", messages: said, tools });
  expect(second.choices[0]).toMatchObject({
    finish_reason: "stop",
    message: { role: "assistant" },
  });
  expect(second.choices[0]?.message.content).toMatch(/^tok0 /);
  const again = await completions.create({ model: "m", messages: [...said, user("And?")], tools });
  expect(again.choices[0]?.finish_reason).toBe("tool_calls");

  const orphan = completions.create({ model: "m", messages: [...messages, result], tools });
  await expect(orphan).rejects.toMatchObject({ status: 400 });
  const unanswered = [...messages, choice!.message];
  await expect(completions.create({ model: "m", messages: unanswered })).rejects.toMatchObject({
    status: 400,
  });
});

test("streams calls in several pieces of arguments, each call under its index", async () => {
  const { completions } = clientOf(await testSimulator()).chat;
  const stream = completions.stream({ model: "m", messages: [user("[sim calls=2]")], tools });
  let pieces = 0;
  stream.on("chunk", ({ choices }) => {
    if (choices[0]?.delta.tool_calls?.[0]?.function?.arguments) pieces += 1;
  });
  const { choices } = await stream.finalChatCompletion();
  const calls = choices[0]!.message.tool_calls!.filter((call) => call.type === "function");
  expect(calls.map((call) => [call.function.name, call.function.arguments])).toEqual([
    ["weather", argumentsText],
    ["climate", argumentsText],
  ]);
  expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
  expect(pieces).toBeGreaterThan(10);
  expect(choices[0]?.finish_reason).toBe("tool_calls");
});

test("calls what tool_choice names, nothing for none, one where none run in parallel", async () => {
  const { completions } = clientOf(await testSimulator()).chat;
  const ask = async (fields: object) => {
    const messages = [user("[sim calls=2]")];
    const { choices } = await completions.create({ model: "m", messages, tools, ...fields });
    return choices[0]?.message.tool_calls?.map((call) =>
      call.type === "function" ? call.function.name : "",
    );
  };
  const named = { type: "function", function: { name: "climate" } };
  expect(await ask({ tool_choice: named })).toEqual(["climate", "climate"]);
  expect(await ask({ tool_choice: "none" })).toBeUndefined();
  expect(await ask({ parallel_tool_calls: false })).toEqual(["weather"]);
});

test("a cut call ends for length", async () => {
  const { completions } = clientOf(await testSimulator()).chat;
  const messages = [user("hi")];
  const answer = await completions.create({ model: "m", messages, tools, max_tokens: 2 });
  expect(answer.usage?.completion_tokens).toBe(2);
  expect(answer.choices[0]).toMatchObject({
    finish_reason: "length",
    message: { tool_calls: [{ function: { arguments: '{"city":' } }] },
  });
});

test("reasons before it speaks, and counts it, within max_tokens", async () => {
  const client = clientOf(await testSimulator({ reasoningTokens: 3, outputTokens: 2 }));
  const request = { model: "m", messages: [user("hi")] };
  const whole = await client.chat.completions.create(request);
  expect(whole.choices[0]?.message).toMatchObject({
    reasoning_content: "hm0 hm1 hm2",
    content: "tok0 tok1",
  });
  expect(whole.usage).toMatchObject({
    completion_tokens: 5,
    completion_tokens_details: { reasoning_tokens: 3 },
  });
  const deltas: unknown[] = [];
  const limited = { ...request, max_tokens: 4, stream: true } as const;
  for await (const { choices } of await client.chat.completions.create(limited)) {
    if (choices[0]) deltas.push([choices[0].delta, choices[0].finish_reason]);
  }
  expect(deltas).toEqual([
    [{ role: "assistant", content: "" }, null],
    [{ reasoning_content: "hm0" }, null],
    [{ reasoning_content: " hm1" }, null],
    [{ reasoning_content: " hm2" }, null],
    [{ content: "tok0" }, null],
    [{}, "length"],
  ]);
  const none = await client.chat.completions.create({
    ...request,
    messages: [user("[sim reasoning=0]")],
  });
  expect(none.choices[0]?.message).not.toHaveProperty("reasoning_content");
});
