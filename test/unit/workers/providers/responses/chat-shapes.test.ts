import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../../shared/json/json-object.ts";
import { chunk, doneEvent, usageChunk } from "../upstream.ts";
import { readAll, readerOf, sdkResponse } from "./read-with-sdk.ts";

const declared = ["get_weather", "get_time"].map((name) => ({ type: "function", name }));

function outputOf(wire: string, body: JsonObject = { tools: declared }) {
  const { response, failure, text, tail } = readAll(readerOf("chat", body), wire);
  if (response === undefined) throw new Error(`${failure?.reason}: ${failure?.detail}`);
  return { output: (response["output"] as JsonObject[]).map(short), events: text + tail, response };
}

function short(item: JsonObject): readonly unknown[] {
  if (item["type"] === "function_call") return [item["name"], item["arguments"]];
  const parts = (item["content"] ?? item["summary"]) as JsonObject[];
  return [item["type"], ...parts.map((part) => part["refusal"] ?? part["text"])];
}

const choice = (fields: object) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, ...fields }] })}\n\n`;
const calls = (...list: readonly unknown[]) => chunk({ tool_calls: list });
const call = (name: string, given: unknown, more: object = { index: 0 }) => ({
  ...more,
  function: { name, arguments: given },
});
const ending = (finish: string) => chunk({}, finish) + usageChunk + doneEvent;
const text = "Blue herons wade.";
const oslo = '{"city":"Oslo"}';
const bergen = '{"city":"Bergen"}';
const called = [["get_weather", oslo]];

describe("whatever shape an engine gives its answer, nothing of it is lost", () => {
  it.each<[string, string, unknown]>([
    ["arguments as an object", calls(call("get_weather", { city: "Oslo" })), called],
    ["arguments as a list", calls(call("f", ["a"])), [["f", '["a"]']]],
    ["arguments as a number", calls(call("f", 7)), [["f", "7"]]],
    [
      "two calls under one index, told apart by their names",
      calls(call("get_weather", oslo)) + calls(call("get_time", bergen)),
      [...called, ["get_time", bergen]],
    ],
    [
      "two calls of one function under one index",
      calls(call("get_weather", oslo)) + calls(call("get_weather", bergen)),
      [...called, ["get_weather", bergen]],
    ],
    [
      "a second call under one index after a first one in pieces",
      calls(call("get_weather", '{"city"')) +
        calls({ index: 0, function: { arguments: ':"Oslo"}' } }) +
        calls(call("get_time", bergen)),
      [...called, ["get_time", bergen]],
    ],
    [
      "two functions without arguments under one index",
      calls(call("get_weather", "")) + calls(call("get_time", "")),
      [
        ["get_weather", "{}"],
        ["get_time", "{}"],
      ],
    ],
    [
      "calls of one function with empty ids",
      calls(call("get_weather", oslo, { index: 0, id: "" })) +
        calls(call("get_weather", bergen, { index: 1, id: "" })),
      [...called, ["get_weather", bergen]],
    ],
    [
      "the same chunk twice",
      calls(call("get_weather", oslo, { index: 0, id: "call_a" })).repeat(2),
      called,
    ],
    [
      "a name in two pieces",
      calls(call("get_", "")) +
        calls(call("weather", "")) +
        calls({ function: { arguments: oslo } }),
      called,
    ],
    [
      "a name told from its start each time",
      calls(call("get_", "")) + calls(call("get_weather", oslo)),
      called,
    ],
    [
      "an empty object before the arguments",
      calls(call("get_weather", "{}", { index: 0, id: "a" })) +
        calls({ index: 0, function: { arguments: '{"city":' } }) +
        calls({ index: 0, function: { arguments: '"Oslo"}' } }),
      called,
    ],
    ["an empty object alone", calls(call("get_time", "{}")), [["get_time", "{}"]]],
    ["an index as a text", calls(call("get_weather", oslo, { index: "0" })), called],
    ["one call that is in no list", chunk({ tool_calls: call("get_weather", oslo) }), called],
    ["a call without its 'function'", calls({ name: "get_weather", arguments: oslo }), called],
    [
      "the old way to call",
      chunk({ function_call: { name: "get_weather", arguments: "" } }) +
        chunk({ function_call: { arguments: oslo } }),
      called,
    ],
    [
      "the old way beside the new one",
      chunk({
        function_call: { name: "get_weather", arguments: oslo },
        tool_calls: [call("get_weather", oslo)],
      }),
      called,
    ],
    ["a whole message as one chunk", choice({ message: { content: text } }), [["message", text]]],
    [
      "a whole message with calls",
      choice({ message: { content: null, tool_calls: [call("get_weather", oslo, { id: "a" })] } }),
      called,
    ],
    [
      "messages in pieces",
      choice({ message: { content: "Blue " } }) + choice({ message: { content: "herons wade." } }),
      [["message", text]],
    ],
    [
      "a message that says it all again at the end",
      chunk({ content: text }) +
        calls(call("get_weather", oslo)) +
        choice({
          message: { content: text, tool_calls: [call("get_weather", oslo)] },
          finish_reason: "stop",
        }),
      [["message", text], ...called],
    ],
    [
      "a message that says the rest at the end",
      chunk({ content: "Blue" }) + choice({ message: { content: text }, finish_reason: "stop" }),
      [["message", text]],
    ],
    ["a delta that is a text", choice({ delta: text }), [["message", text]]],
    ["the text of a completion", choice({ text }), [["message", text]]],
    ["content as one part", chunk({ content: { type: "text", text } }), [["message", text]]],
    [
      "content as parts of several kinds",
      chunk({
        content: [
          { type: "reasoning", text: "Hm." },
          "Blue ",
          { type: "output_text", text: { value: "herons wade." } },
          { type: "reference", reference_ids: [1] },
          { type: "refusal", refusal: "No." },
        ],
      }),
      [
        ["reasoning", "Hm."],
        ["message", text, "No."],
      ],
    ],
    [
      "thoughts under other names",
      chunk({ thinking: "a" }) +
        chunk({ reasoning: { text: "b" } }) +
        chunk({ reasoning_details: [{ type: "reasoning.text", text: "c" }] }) +
        chunk({ reasoning: "d", reasoning_content: "d" }),
      [
        ["reasoning", "abcd"],
        ["message", ""],
      ],
    ],
    ["a refusal", chunk({ refusal: "No." }), [["message", "No."]]],
  ])("%s", async (_what, wire, output) => {
    const read = outputOf(wire + ending("stop"));
    expect(read.output).toEqual(output);
    const seen = await sdkResponse(read.events);
    expect(seen.output.map((item) => short(item as unknown as JsonObject))).toEqual(output);
  });

  it.each<[string, (cited: object) => string]>([
    ["with its text", (cited) => chunk({ content: text, ...cited })],
    ["after it, and once more", (cited) => chunk({ content: text }) + chunk(cited) + chunk(cited)],
    ["before it", (cited) => chunk(cited) + chunk({ content: text })],
    ["in a whole message", (cited) => choice({ message: { content: text, ...cited } })],
  ])("a citation %s", async (_when, wireOf) => {
    const place = { url: "http://a.test", title: "A", start_index: 0, end_index: 4 };
    const wire = wireOf({ annotations: [{ type: "url_citation", url_citation: place }] });
    const { response, events } = outputOf(wire + ending("stop"));
    const annotations = [{ type: "url_citation", ...place }];
    expect(response["output"]).toMatchObject([{ content: [{ text, annotations }] }]);
    expect(events.split("response.output_text.annotation.added").length - 1).toBe(2);
    const seen = await sdkResponse(events);
    expect(seen.output).toMatchObject([{ content: [{ text, annotations }] }]);
  });

  it.each<[string, string]>([
    ["audio", chunk({ audio: { id: "a", data: "UklGRg==" } })],
    ["images", chunk({ content: "See:", images: [{ type: "image_url" }] })],
    ["a part of no known type", chunk({ content: [{ type: "image", data: "x" }] })],
    ["content of no known shape", chunk({ content: 7 })],
    ["a call that is a text", chunk({ tool_calls: ["get_weather"] })],
    ["a call without a name", calls({ index: 0, function: { arguments: oslo } })],
  ])("%s: not an empty success", (_what, wire) => {
    expect(readAll(readerOf("chat"), wire + ending("stop")).failure?.reason).toBe("malformed");
  });

  it("that ends after its finish reason is whole, [DONE] or not", () => {
    const { response } = outputOf(chunk({ content: text }, "stop") + usageChunk);
    expect(response).toMatchObject({ status: "completed", usage: { total_tokens: 9 } });
  });

  it("a call that was promised and did not come is no success", () => {
    const { failure } = readAll(readerOf("chat"), ending("tool_calls"));
    expect(failure?.reason).toBe("malformed");
  });

  it.each<[string, object, readonly [cached: number, reasoning: number]]>([
    ["OpenAI", { prompt_tokens_details: { cached_tokens: 3 } }, [3, 0]],
    ["DeepSeek", { prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 3 }, [4, 0]],
    ["Moonshot", { cached_tokens: 2 }, [2, 0]],
    ["SGLang", { reasoning_tokens: 1, prompt_tokens_details: null }, [0, 1]],
    ["more than there is", { cached_tokens: 90, reasoning_tokens: 90 }, [7, 90]],
  ])("the parts of its usage, as %s tells them", (_who, more, [cached, reasoning]) => {
    const usage = { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9, ...more };
    const wire = `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
    const { response } = outputOf(chunk({ content: text }, "stop") + wire + doneEvent);
    expect(response["usage"]).toMatchObject({
      input_tokens_details: { cached_tokens: cached },
      output_tokens_details: { reasoning_tokens: reasoning },
    });
  });
});
