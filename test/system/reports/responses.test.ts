import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startReportRig, type ReportRig } from "./report-rig.ts";
import { streamAnswer, wholeAnswer, type ScriptedAnswer } from "./scripted-upstream.ts";

let rig: ReportRig;
beforeAll(async () => {
  rig = await startReportRig();
});
afterAll(() => rig.stop());

interface Item {
  readonly type: string;
  readonly name?: string;
  readonly arguments?: string;
  readonly content?: { text: string }[];
}

interface Called {
  readonly name: string;
  readonly arguments: string;
}

interface ChatMessage {
  readonly tool_calls?: readonly { readonly function: Called }[];
  readonly function_call?: Called;
}

async function respond(answer: ScriptedAnswer, fields: object = {}) {
  rig.one.play(() => answer);
  const posted = await rig.post("/responses", { model: "m", input: "x", ...fields });
  const { status, output } = posted.json as unknown as { status: string; output?: Item[] };
  const calls = (output ?? []).filter(({ type }) => type === "function_call");
  const texts = (output ?? []).flatMap(({ content }) => (content ?? []).map(({ text }) => text));
  return { ...posted, state: status, calls, text: texts.join("") };
}

const called = (...deltas: object[]) => streamAnswer({ deltas, finish: "tool_calls" });
const call = (fields: object, at: object = {}) => ({
  tool_calls: [{ index: 0, type: "function", function: fields, ...at }],
});

describe("chat to responses (K10)", () => {
  test("A19 arguments as an object", async () => {
    const { calls } = await respond(
      called(call({ name: "get_weather", arguments: { city: "Oslo" } }, { id: "call_a" })),
    );
    expect(calls).toHaveLength(1);
    expect(JSON.parse(calls[0]?.arguments ?? "")).toEqual({ city: "Oslo" });
  });

  test("A20 two calls under one index", async () => {
    const { calls } = await respond(
      called(
        call({ name: "get_weather", arguments: '{"city":"Oslo"}' }),
        call({ name: "get_time", arguments: '{"city":"Bergen"}' }),
      ),
    );
    expect(calls.map(({ name, arguments: text }) => [name, text])).toEqual([
      ["get_weather", '{"city":"Oslo"}'],
      ["get_time", '{"city":"Bergen"}'],
    ]);
  });

  test("A21 a whole message in a chunk", async () => {
    const chunk = {
      id: "c",
      object: "chat.completion.chunk",
      created: 1,
      model: "m",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Blue herons wade." },
          finish_reason: "stop",
        },
      ],
    };
    const { state, text } = await respond({
      headers: { "content-type": "text/event-stream" },
      chunks: [`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`],
    });
    expect({ state, text }).toEqual({ state: "completed", text: "Blue herons wade." });
  });

  test("A22 a tool in the shape of a chat", async () => {
    const { status } = await respond(streamAnswer(), {
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    });
    const [sent] = rig.one.calls;
    if (sent === undefined) expect(status).toBe(400);
    else
      expect(sent.body["tools"]).toEqual([
        { type: "function", function: { name: "f", parameters: { type: "object" } } },
      ]);
  });

  test("A39 the same delta twice", async () => {
    const delta = call({ name: "f", arguments: '{"a":1}' }, { id: "call_a" });
    const { calls } = await respond(called(delta, delta));
    expect(calls.map(({ arguments: text }) => text)).toEqual(['{"a":1}']);
  });

  test("A40 a name in two pieces", async () => {
    const { calls } = await respond(
      called(
        call({ name: "get_" }, { id: "call_a" }),
        call({ name: "weather" }),
        call({ arguments: '{"a":1}' }),
      ),
    );
    expect(calls.map(({ name, arguments: text }) => [name, text])).toEqual([
      ["get_weather", '{"a":1}'],
    ]);
  });

  test("A41 calls of one name without ids", async () => {
    const { calls } = await respond(
      called(
        call({ name: "f", arguments: '{"a":1}' }, { id: "" }),
        call({ name: "f", arguments: '{"a":2}' }, { id: "" }),
      ),
    );
    expect(calls.map(({ arguments: text }) => text)).toEqual(['{"a":1}', '{"a":2}']);
  });

  test("A42 the old function_call", async () => {
    const { calls } = await respond(
      streamAnswer({
        deltas: [
          { function_call: { name: "f", arguments: '{"a"' } },
          { function_call: { arguments: ":1}" } },
        ],
        finish: "function_call",
      }),
    );
    expect(calls.map(({ name, arguments: text }) => [name, text])).toEqual([["f", '{"a":1}']]);
  });

  const [oslo, bergen] = ['{"city":"Oslo"}', '{"city":"Bergen"}'];
  test.each<[string, object[], [string, string][]]>([
    [
      "told from the start",
      [
        call({ name: "f", arguments: '{"city":' }, { id: "a" }),
        call({ arguments: oslo }, { id: "a" }),
      ],
      [["f", oslo]],
    ],
    [
      "an id for each piece",
      [
        call({ name: "f", arguments: '{"city":' }, { id: "a" }),
        call({ arguments: '"Oslo"}' }, { id: "b" }),
      ],
      [["f", oslo]],
    ],
    [
      "an empty object first",
      [call({ name: "f", arguments: "{}" }, { id: "a" }), call({ arguments: oslo })],
      [["f", oslo]],
    ],
    ["the name last", [call({ arguments: oslo }, { id: "a" }), call({ name: "f" })], [["f", oslo]]],
    [
      "the name from the start",
      [call({ name: "get_" }, { id: "a" }), call({ name: "get_f" }), call({ arguments: oslo })],
      [["get_f", oslo]],
    ],
    ["null arguments", [call({ name: "f", arguments: null }, { id: "a" })], [["f", "{}"]]],
    ["parameters", [call({ name: "f", parameters: { city: "Oslo" } }, { id: "a" })], [["f", oslo]]],
    ["args", [call({ name: "f", args: { city: "Oslo" } }, { id: "a" })], [["f", oslo]]],
    [
      "one call without a list",
      [{ tool_calls: { id: "a", function: { name: "f", arguments: oslo } } }],
      [["f", oslo]],
    ],
    [
      "indexes as texts",
      [
        call({ name: "f", arguments: oslo }, { id: "a", index: "0" }),
        call({ name: "g", arguments: bergen }, { id: "b", index: "1" }),
      ],
      [
        ["f", oslo],
        ["g", bergen],
      ],
    ],
    [
      "one index, two ids",
      [
        call({ name: "f", arguments: oslo }, { id: "a" }),
        call({ name: "g", arguments: bergen }, { id: "b" }),
      ],
      [
        ["f", oslo],
        ["g", bergen],
      ],
    ],
    [
      "no index, no id",
      [
        call({ name: "f", arguments: oslo }, { index: undefined }),
        call({ name: "g", arguments: bergen }, { index: undefined }),
      ],
      [
        ["f", oslo],
        ["g", bergen],
      ],
    ],
    [
      "the old way, as an object",
      [{ function_call: { name: "f", arguments: { city: "Oslo" } } }],
      [["f", oslo]],
    ],
  ])("further shapes, of chats that are put together too: %s", async (_name, deltas, expected) => {
    const { calls } = await respond(called(...deltas));
    expect(calls.map(({ name, arguments: text }) => [name, text])).toEqual(expected);
    const messages = [{ role: "user", content: "x" }];
    const { json } = await rig.post("/chat/completions", { model: "m", messages });
    const [choice] = json["choices"] as unknown as { message: ChatMessage }[];
    const { tool_calls: made, function_call: legacy } = choice?.message ?? {};
    const all = made?.map((each) => each.function) ?? [legacy];
    expect(all.map((each) => [each?.name, each?.arguments])).toEqual(expected);
  });

  test("a whole answer to a response", async () => {
    const { state, text } = await respond(wholeAnswer());
    expect({ state, text }).toEqual({ state: "completed", text: "Blue herons wade." });
  });
});

test("A23 reasoning goes back with the calls of the last turn (K11)", async () => {
  rig.one.play(({ body }, number) => {
    if (number === 1)
      return streamAnswer({
        deltas: [
          { reasoning_content: "Let me look." },
          call({ name: "f", arguments: "{}" }, { id: "call_a" }),
        ],
        finish: "tool_calls",
      });
    const said = (body["messages"] as Record<string, unknown>[]).find(
      (message) => message["tool_calls"] !== undefined,
    );
    return said?.["reasoning_content"] === undefined
      ? { status: 400, chunks: ['{"error":{"message":"Missing `reasoning_content` field"}}'] }
      : streamAnswer();
  });
  const tools = [{ type: "function", name: "f", parameters: { type: "object" } }];
  const first = await rig.post("/responses", { model: "m", input: "x", tools });
  const { id } = first.json as unknown as { id: string };
  const second = await rig.post("/responses", {
    model: "m",
    previous_response_id: id,
    tools,
    input: [{ type: "function_call_output", call_id: "call_a", output: "1" }],
  });
  expect(second.json).toMatchObject({ status: "completed" });
});

test("what Gemini gave with a call goes back with it, and to nobody else (K11)", async () => {
  const extra_content = { google: { thought_signature: "S" } };
  rig.one.play((_call, number) =>
    number === 1
      ? called(call({ name: "f", arguments: "{}" }, { id: "call_a", extra_content }))
      : streamAnswer(),
  );
  const tools = [{ type: "function", name: "f", parameters: { type: "object" } }];
  const first = await rig.post("/responses", { model: "m", input: "x", tools });
  const { id, output } = first.json as unknown as { id: string; output: object[] };
  expect(output).toMatchObject([{ type: "function_call", extra_content }]);
  const result = { type: "function_call_output", call_id: "call_a", output: "1" };
  const turns = [{ previous_response_id: id, input: [result] }, { input: [...output, result] }];
  for (const turn of turns) {
    await rig.post("/responses", { model: "m", tools, ...turn });
    const messages = rig.one.calls.at(-1)?.body["messages"] as Record<string, unknown>[];
    const [made] = messages.flatMap((message) => message["tool_calls"] ?? []);
    expect(made).toMatchObject({ id: "call_a", extra_content });
  }
});
