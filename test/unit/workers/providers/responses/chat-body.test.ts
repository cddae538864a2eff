import { describe, expect, it } from "vitest";
import { parseExact } from "../../../../../shared/json/exact-json.ts";
import type { JsonObject } from "../../../../../shared/json/json-object.ts";
import { findUntranslatable } from "../../../../../shared/responses/find-untranslatable.ts";
import { chatBody } from "../../../../../workers/providers/responses/chat-body.ts";
import { nativeBody } from "../../../../../workers/providers/openai/native-body.ts";
import { isStrict } from "../../../../../workers/providers/openai/reasoning-fields.ts";

const target = { model: "up", maxOutputTokens: 9, maxTokensField: "max_tokens" } as const;

function chatOf(body: JsonObject): JsonObject {
  expect(findUntranslatable(body)).toBeUndefined();
  return JSON.parse(chatBody(body, target)) as JsonObject;
}

const messagesOf = (input: unknown, instructions?: string) =>
  chatOf({ input, instructions })["messages"];

const call = (id: string) => ({
  type: "function_call",
  id: `fc_${id}`,
  call_id: id,
  name: "f",
  arguments: "{}",
  status: "completed",
});
const toolCall = (id: string) => ({
  id,
  type: "function",
  function: { name: "f", arguments: "{}" },
});
const output = (id: string, text: unknown = "ok") => ({
  type: "function_call_output",
  call_id: id,
  output: text,
});
const said = (text: string) => ({
  type: "message",
  role: "assistant",
  id: "msg_1",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [], logprobs: [] }],
});
const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" };

describe("input as messages", () => {
  it.each<[string, unknown, unknown]>([
    ["a text", "Hi", [{ role: "user", content: "Hi" }]],
    [
      "a message without a type",
      [{ role: "user", content: "Hi" }],
      [{ role: "user", content: "Hi" }],
    ],
    [
      "one text part: a plain text, which every engine takes",
      [{ role: "user", content: [{ type: "input_text", text: "Hi" }] }],
      [{ role: "user", content: "Hi" }],
    ],
    [
      "an image, a file and a sound beside a text",
      [
        {
          role: "user",
          content: [
            { type: "input_text", text: "See" },
            { type: "input_image", image_url: "data:image/png;base64,AA==", detail: "low" },
            { type: "input_image", image_url: "https://x/y.png" },
            {
              type: "input_file",
              filename: "a.pdf",
              file_data: "data:application/pdf;base64,AA==",
            },
            { type: "input_audio", input_audio: { data: "AA==", format: "wav" } },
          ],
        },
      ],
      [
        {
          role: "user",
          content: [
            { type: "text", text: "See" },
            { type: "image_url", image_url: { url: "data:image/png;base64,AA==", detail: "low" } },
            { type: "image_url", image_url: { url: "https://x/y.png" } },
            {
              type: "file",
              file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AA==" },
            },
            { type: "input_audio", input_audio: { data: "AA==", format: "wav" } },
          ],
        },
      ],
    ],
    [
      "the developer's words, in the role that all engines know",
      [
        { role: "developer", content: "a" },
        { role: "system", content: [{ type: "input_text", text: "b" }] },
        { role: "user", content: "c" },
        { role: "system", content: "d" },
      ],
      [
        { role: "system", content: "a\n\nb" },
        { role: "user", content: "c" },
        { role: "system", content: "d" },
      ],
    ],
    [
      "an assistant's text and refusal",
      [{ ...said("a"), content: [...said("a").content, { type: "refusal", refusal: "no" }] }],
      [{ role: "assistant", content: "ano" }],
    ],
    [
      "calls with what was said and thought before and between them: one message",
      [
        { role: "user", content: "q" },
        reasoning,
        said("a"),
        call("1"),
        reasoning,
        call("2"),
        said("b"),
        output("1"),
        output("2", [
          { type: "input_text", text: "x" },
          { type: "input_text", text: "y" },
        ]),
      ],
      [
        { role: "user", content: "q" },
        { role: "assistant", content: "a\n\nb", tool_calls: [toolCall("1"), toolCall("2")] },
        { role: "tool", tool_call_id: "1", content: "ok" },
        { role: "tool", tool_call_id: "2", content: "xy" },
      ],
    ],
    [
      "calls one after the other: a message each",
      [call("1"), output("1"), call("2"), output("2")],
      [
        { role: "assistant", content: null, tool_calls: [toolCall("1")] },
        { role: "tool", tool_call_id: "1", content: "ok" },
        { role: "assistant", content: null, tool_calls: [toolCall("2")] },
        { role: "tool", tool_call_id: "2", content: "ok" },
      ],
    ],
  ])("%s", (_what, input, messages) => {
    expect(messagesOf(input)).toEqual(messages);
  });

  it("begins with the instructions", () => {
    expect(messagesOf("Hi", "Be kind.")).toEqual([
      { role: "system", content: "Be kind." },
      { role: "user", content: "Hi" },
    ]);
    expect(messagesOf([{ role: "developer", content: "b" }], "a")).toEqual([
      { role: "system", content: "a\n\nb" },
    ]);
  });
});

describe("fields of the request", () => {
  const functionTool = {
    type: "function",
    name: "f",
    description: "d",
    parameters: { type: "object" },
    strict: true,
  };
  const { type: _type, ...madeOf } = functionTool;

  it.each<[string, JsonObject, JsonObject]>([
    ["nothing more", {}, {}],
    [
      "tools and how to use them",
      {
        tools: [functionTool],
        tool_choice: { type: "function", name: "f" },
        parallel_tool_calls: false,
      },
      {
        tools: [{ type: "function", function: madeOf }],
        tool_choice: { type: "function", function: { name: "f" } },
        parallel_tool_calls: false,
      },
    ],
    [
      "how to use tools, of which there are none",
      { tools: [], tool_choice: "auto", parallel_tool_calls: true },
      {},
    ],
    [
      "a JSON schema",
      {
        text: {
          format: {
            type: "json_schema",
            name: "n",
            schema: { a: 1 },
            strict: true,
            description: null,
          },
        },
      },
      {
        response_format: {
          type: "json_schema",
          json_schema: { name: "n", schema: { a: 1 }, strict: true },
        },
      },
    ],
    [
      "any JSON",
      { text: { format: { type: "json_object" } } },
      { response_format: { type: "json_object" } },
    ],
    [
      "plain text, tersely",
      { text: { format: { type: "text" }, verbosity: "low" } },
      { verbosity: "low" },
    ],
    ["an effort", { reasoning: { effort: "low", summary: "auto" } }, { reasoning_effort: "low" }],
    [
      "what both know, and what only chat or the engine knows",
      { temperature: 0.5, top_p: 0.9, user: "u", seed: 3, top_k: 4, stop: ["x"] },
      { temperature: 0.5, top_p: 0.9, user: "u", seed: 3, top_k: 4, stop: ["x"] },
    ],
    [
      "tools and a schema in the shape of chat completions",
      {
        tools: [{ type: "function", function: madeOf }],
        tool_choice: { type: "function", function: { name: "f" } },
        text: { format: { type: "json_schema", json_schema: { name: "n", schema: { a: 1 } } } },
      },
      {
        tools: [{ type: "function", function: madeOf }],
        tool_choice: { type: "function", function: { name: "f" } },
        response_format: { type: "json_schema", json_schema: { name: "n", schema: { a: 1 } } },
      },
    ],
    [
      "of allowed tools those alone",
      {
        tools: [functionTool, { type: "function", name: "g" }],
        tool_choice: {
          type: "allowed_tools",
          mode: "required",
          tools: [{ type: "function", name: "f" }],
        },
      },
      { tools: [{ type: "function", function: madeOf }], tool_choice: "required" },
    ],
    [
      "what is not for the engine, or says nothing",
      {
        metadata: { a: "b" },
        include: ["reasoning.encrypted_content"],
        truncation: "auto",
        top_logprobs: 0,
        temperature: null,
        context_management: [],
      },
      {},
    ],
  ])("%s", (_what, fields, expected) => {
    expect(chatOf({ input: "Hi", ...fields })).toEqual({
      model: "up",
      max_tokens: 9,
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: "user", content: "Hi" }],
      ...expected,
    });
  });

  it("numbers arrive as they were written", () => {
    const text =
      '{"input":"Hi","seed":9223372036854775807,"tools":[{"type":"function","name":"f","parameters":{"maximum":1.00,"minimum":12345678901234567890}}]}';
    const sent = chatBody(parseExact(text) as JsonObject, target);
    expect(sent).toContain('"seed":9223372036854775807');
    expect(sent).toContain('{"maximum":1.00,"minimum":12345678901234567890}');
  });

  it("the cap has the name that the provider takes", () => {
    const sent = chatBody({ input: "Hi" }, { ...target, maxTokensField: "max_completion_tokens" });
    expect(JSON.parse(sent)).toMatchObject({ max_completion_tokens: 9 });
  });
});

it("what one upstream gave with a call is nothing for those that refuse what they do not know", () => {
  const body = { input: [{ ...call("a"), extra_content: { google: {} } }, output("a")] };
  expect(JSON.stringify(chatOf(body))).not.toContain("extra_content");
  const native = { model: "up", maxOutputTokens: 9, location: "cloud" } as const;
  expect(nativeBody(body, native)).not.toContain("extra_content");
  expect(
    ["https://api.openai.com/v1", "https://generativelanguage.googleapis.com/v1beta/openai"].map(
      isStrict,
    ),
  ).toEqual([true, false]);
});
