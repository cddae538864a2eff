import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunk, doneEvent, usageChunk } from "../upstream.ts";
import { eventsOf, context, readAll, readerOf, sdkResponse } from "./read-with-sdk.ts";

const read = (wire: string, cuts: readonly number[] = []) => readAll(readerOf("chat"), wire, cuts);

const toolCall = (index: number | undefined, fields: object, made: object) =>
  chunk({
    tool_calls: [{ ...(index === undefined ? {} : { index }), ...fields, function: made }],
  });

const ending = (finish: string) => chunk({}, finish) + usageChunk + doneEvent;

const everything =
  chunk({ role: "assistant", content: "" }) +
  chunk({ reasoning: "Hé\u2028" }) +
  chunk({ content: "🌍" }) +
  toolCall(0, { id: "call_a" }, { name: "f", arguments: "" }) +
  toolCall(1, { id: "call_b" }, { name: "g", arguments: "{" }) +
  toolCall(0, {}, { arguments: "[1]" }) +
  toolCall(1, {}, { arguments: "}" }) +
  ending("tool_calls");

/** Drops the fields that are always the same. */
const short = (item: unknown) => {
  const { type, summary, content, name, arguments: text, status } = item as Record<string, never>;
  const parts = ((summary ?? content ?? []) as { text?: string; refusal?: string }[]).map(
    (part) => part.refusal ?? part.text,
  );
  return [type, ...(name === undefined ? parts : [name, text]), status].filter(
    (each) => each !== undefined,
  );
};
const outputOf = (wire: string) => {
  const { response, failure } = read(wire);
  if (response === undefined) throw new Error(failure?.detail);
  return (response["output"] as unknown[]).map(short);
};

describe("a chat completion as a response", () => {
  it("tells reasoning, text and parallel calls as items, each finished before the end", () => {
    const { text, tail, status } = read(everything);
    const types = eventsOf(text + tail).map((event) =>
      [event.type.slice("response.".length), event["output_index"]].join(" ").trim(),
    );
    expect(types).toEqual([
      "output_item.added 0",
      "reasoning_summary_part.added 0",
      "reasoning_summary_text.delta 0",
      "reasoning_summary_text.done 0",
      "reasoning_summary_part.done 0",
      "output_item.done 0",
      "output_item.added 1",
      "content_part.added 1",
      "output_text.delta 1",
      "output_text.done 1",
      "content_part.done 1",
      "output_item.done 1",
      "output_item.added 2",
      "output_item.added 3",
      "function_call_arguments.delta 3",
      "function_call_arguments.delta 2",
      "function_call_arguments.delta 3",
      "function_call_arguments.done 2",
      "output_item.done 2",
      "function_call_arguments.done 3",
      "output_item.done 3",
      "completed",
    ]);
    expect(eventsOf(text + tail).map((event) => event.sequence_number)).toEqual(
      types.map((_type, index) => index + 3),
    );
    expect(eventsOf(tail ?? "")[0]?.type).toBe("response.function_call_arguments.done");
    expect(status).toBe("completed");
  });

  it("finishes a part before the next one of its message", () => {
    const { text, tail } = read(chunk({ content: "a" }) + chunk({ refusal: "b" }) + ending("stop"));
    const parts = eventsOf(text + tail).filter((event) => "content_index" in event);
    expect(parts.map((event) => `${event.type} ${String(event["content_index"])}`)).toEqual([
      "response.content_part.added 0",
      "response.output_text.delta 0",
      "response.output_text.done 0",
      "response.content_part.done 0",
      "response.content_part.added 1",
      "response.refusal.delta 1",
      "response.refusal.done 1",
      "response.content_part.done 1",
    ]);
  });

  it("ends with a whole response object, the same in the last event", () => {
    const { tail, response, reader } = read(everything);
    expect(eventsOf(tail ?? "").at(-1)?.["response"]).toEqual(response);
    expect(response).toMatchObject({
      id: context.id,
      object: "response",
      created_at: context.createdAt,
      completed_at: 1_700_000_009,
      model: "public",
      status: "completed",
      max_output_tokens: 64,
      output: [
        { id: "rs_0_r00000000000000000000000000000abc", type: "reasoning" },
        { id: "msg_1_r00000000000000000000000000000abc", role: "assistant", status: "completed" },
        { id: "fc_2_r00000000000000000000000000000abc", call_id: "call_a", name: "f" },
        { id: "fc_3_r00000000000000000000000000000abc", call_id: "call_b", arguments: "{}" },
      ],
      usage: { input_tokens: 7, output_tokens: 2, total_tokens: 9 },
    });
    expect(reader.usage).toEqual({ promptTokens: 7, completionTokens: 2 });
    expect(reader.outputBytes).toBe(Buffer.byteLength("Hé\u2028🌍fg[1]{}"));
  });

  it("reads the same events wherever the bytes are cut", () => {
    const whole = read(everything);
    const length = Buffer.byteLength(everything);
    for (let cut = 1; cut < length; cut += 7) {
      const { text, tail } = read(everything, [cut]);
      expect({ text, tail }).toEqual({ text: whole.text, tail: whole.tail });
    }
    const bytewise = read(
      everything,
      Array.from({ length: length - 1 }, (_each, at) => at + 1),
    );
    expect(bytewise.text + bytewise.tail).toBe(whole.text + whole.tail);
  });

  it.each([
    ["stop", "completed", null],
    ["tool_use", "completed", null],
    ["length", "incomplete", "max_output_tokens"],
    ["MAX_TOKENS", "incomplete", "max_output_tokens"],
    ["content_filter", "incomplete", "content_filter"],
    ["safety", "incomplete", "content_filter"],
  ])("that ends with %s is %s", (finish, status, reason) => {
    const { response, tail } = read(chunk({ content: "x" }) + ending(finish));
    expect(response?.["status"]).toBe(status);
    expect(response?.["incomplete_details"]).toEqual(reason === null ? null : { reason });
    expect(response?.["output"]).toMatchObject([{ status }]);
    expect(eventsOf(tail ?? "").at(-1)?.type).toBe(`response.${status}`);
  });

  it.each([
    ["an empty answer: one empty message", ending("stop"), [["message", "", "completed"]]],
    ["nothing but a filter's word: no item", ending("content_filter"), []],
    [
      "a refusal after some text: parts of one message",
      chunk({ content: "a" }) + chunk({ refusal: "no" }) + ending("stop"),
      [["message", "a", "no", "completed"]],
    ],
    [
      "thoughts between texts: items in turns",
      chunk({ content: "a" }) +
        chunk({ reasoning_content: "b", content: "c" }) +
        chunk({ content: "d" }) +
        ending("stop"),
      [
        ["message", "a", "completed"],
        ["reasoning", "b"],
        ["message", "cd", "completed"],
      ],
    ],
    [
      "content in parts, with thoughts among them",
      chunk({
        content: [
          { type: "thinking", thinking: [{ type: "text", text: "b" }] },
          { type: "text", text: "c" },
        ],
      }) + ending("stop"),
      [
        ["reasoning", "b"],
        ["message", "c", "completed"],
      ],
    ],
    [
      "calls that all say index 0: told apart by their ids",
      toolCall(0, { id: "a" }, { name: "f", arguments: "{}" }) +
        toolCall(0, { id: "b" }, { name: "f", arguments: "[]" }) +
        ending("tool_calls"),
      [
        ["function_call", "f", "{}", "completed"],
        ["function_call", "f", "[]", "completed"],
      ],
    ],
    [
      "a call whose chunks all say its name and id: one call",
      toolCall(0, { id: "a" }, { name: "f", arguments: "{" }) +
        toolCall(0, { id: "a" }, { name: "f", arguments: "}" }) +
        ending("tool_calls"),
      [["function_call", "f", "{}", "completed"]],
    ],
    [
      "a call without arguments, index and id",
      toolCall(undefined, {}, { name: "f" }) + ending("tool_calls"),
      [["function_call", "f", "{}", "completed"]],
    ],
    [
      "a call that was cut short: what there is of it",
      toolCall(0, { id: "a" }, { name: "f", arguments: '{"a' }) + ending("length"),
      [["function_call", "f", '{"a', "incomplete"]],
    ],
    [
      "text after the finish reason: still told",
      chunk({ content: "a" }, "stop") + chunk({ content: "b" }) + doneEvent,
      [["message", "ab", "completed"]],
    ],
  ])("%s", async (_what, wire, output) => {
    expect(outputOf(wire)).toEqual(output);
    const { text, tail } = read(wire);
    expect((await sdkResponse(`${text}${tail}`)).output.map(short)).toEqual(output);
  });

  it("gives calls of one id ids of their own, so that outputs find them", () => {
    const { response } = read(
      toolCall(0, { id: "same" }, { name: "f", arguments: "{}" }) +
        toolCall(1, { id: "same" }, { name: "f", arguments: "{}" }) +
        ending("tool_calls"),
    );
    const ids = (response?.["output"] as { call_id: string }[] | undefined)?.map(
      (each) => each.call_id,
    );
    expect(ids?.[0]).toBe("same");
    expect(new Set(ids).size).toBe(2);
  });

  it("without usage has none to tell", () => {
    const { response, reader } = read(chunk({ content: "x" }, "stop") + doneEvent);
    expect(response?.["usage"]).toBeNull();
    expect(reader.usage).toBeUndefined();
  });

  it.each([
    ["ends without a finish reason", chunk({ content: "x" }), "cut"],
    ["has [DONE] before a finish reason", chunk({ content: "x" }) + doneEvent, "cut"],
    ["has a finish reason that nobody knows", chunk({ content: "x" }, "abort") + doneEvent, "cut"],
    [
      "has an error event",
      chunk({ content: "x" }) + 'data: {"error":{"message":"x"}}\n\n',
      "server_error",
    ],
    ["has another choice", 'data: {"choices":[{"index":1,"delta":{}}]}\n\n', "malformed"],
    ["is no JSON", "data: hello\n\n", "malformed"],
    ["has no list of choices", 'data: {"choices":{"a":1}}\n\n', "malformed"],
    [
      "has a call without a name",
      toolCall(0, { id: "a" }, { arguments: "{}" }) + ending("tool_calls"),
      "malformed",
    ],
  ])("that %s failed", (_what, wire, reason) => {
    const { failure, response } = read(wire);
    expect(failure?.reason).toBe(reason);
    expect(response).toBeUndefined();
  });

  it("is not kept beyond the limit of an answer", () => {
    const reader = readerOf("chat", {}, { answerBytes: 5 });
    const { failure } = readAll(reader, chunk({ content: "123" }).repeat(2) + ending("stop"));
    expect(failure?.reason).toBe("malformed");
  });
});

const anyDelta = fc.oneof(
  fc.record({ content: fc.string() }),
  fc.record({ reasoning_content: fc.string() }),
  fc.record({ reasoning: fc.string(), content: fc.string() }),
  fc.record({ refusal: fc.string() }),
  fc
    .array(
      fc.record({
        index: fc.nat({ max: 3 }),
        id: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
        function: fc.record({ name: fc.constantFrom("f", "g"), arguments: fc.string() }),
      }),
      { maxLength: 3 },
    )
    .map((calls) => ({ tool_calls: calls })),
);

it("whatever the order of chunks, the openai package accepts the events and reads what was said", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyDelta, { maxLength: 12 }),
      fc.constantFrom("stop", "length"),
      async (deltas, finish) => {
        const wire = deltas.map((delta) => chunk(delta)).join("") + ending(finish);
        const { text, tail, response } = read(wire);
        const seen = await sdkResponse(`${text}${tail}`);
        expect(seen.output.map(short)).toEqual(
          (response?.["output"] as unknown[] | undefined)?.map(short),
        );
        const said = deltas.map((delta) => ("content" in delta ? delta.content : "")).join("");
        expect(seen.output_text).toBe(said);
      },
    ),
    { numRuns: 150 },
  );
});
