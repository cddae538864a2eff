import type { JsonObject } from "../../../../shared/json/json-object.ts";
import { describe, expect, test } from "vitest";
import { inputBound } from "../../../../shared/requests/cost-bound.ts";

function bound(fields: Record<string, unknown>) {
  return inputBound(fields, JSON.stringify(fields));
}

const text = "Grüße, 世界 \u0000 \ud800 👩‍👩‍👧";

describe("text", () => {
  test.each([
    ["chat", { messages: [{ role: "user", content: text }] }, 64 + 16],
    ["parts", { messages: [{ role: "user", content: [{ type: "text", text }] }] }, 64 + 16],
    ["a prompt", { prompt: text, suffix: text }, 64 + 16],
    ["prompts", { prompt: [text, text, text] }, 64 + 48],
  ])("is at most its bytes and the template's allowance: %s", (_name, fields, allowance) => {
    const { textTokens, unbounded } = bound(fields);
    expect(unbounded).toBeUndefined();
    expect(textTokens).toBe(Buffer.byteLength(JSON.stringify(fields)) + allowance);
    const copies = JSON.stringify(fields).split("Grüße").length - 1;
    expect(textTokens).toBeGreaterThan(copies * Buffer.byteLength(text));
  });

  // Unicode 17, UnicodeData.txt: a normalising tokenizer turns the character into 18 letters and
  // blanks.
  test("is at most what a normalising tokenizer makes of it", () => {
    const fields = { input: "\ufdfa".repeat(100) };
    expect(bound(fields).textTokens).toBeGreaterThan(
      100 * Buffer.byteLength("\ufdfa".normalize("NFKC")),
    );
  });

  test("counts tools and what a template writes for them", () => {
    const tools = [{ type: "function", function: { name: "a" } }];
    const messages = [{ role: "user", content: "x" }];
    const more = Buffer.byteLength(`,"tools":${JSON.stringify(tools)}`);
    expect(bound({ messages, tools }).textTokens - bound({ messages }).textTokens).toBe(
      more + 256 + 64,
    );
  });
});

describe("token numbers", () => {
  test("count one each", () => {
    const frame = Buffer.byteLength('{"input":}') + 64 + 16;
    expect(bound({ input: [101, 20_000, 5] }).textTokens).toBe(frame + 3);
  });

  test("count in every prompt", () => {
    const frame = Buffer.byteLength('{"prompt":[,]}') + 64 + 32;
    expect(bound({ prompt: [[101, 20_000], [5]] }).textTokens).toBe(frame + 3);
  });
});

describe("what text cannot bound", () => {
  test.each<[string, JsonObject]>([
    ["messages", { messages: [{ content: [{ type: "image_url", image_url: { url: "data:" } }] }] }],
    [
      "messages",
      { messages: [{ content: [{ type: "text", text: "x" }, { type: "input_audio" }] }] },
    ],
    ["messages", { messages: [{ role: "user", content: [{ image_url: { url: "http://x" } }] }] }],
    ["messages", { messages: [{ role: "user", content: "x", images: ["http://x"] }] }],
    [
      "messages",
      { messages: [{ content: [{ type: "text", text: "x", image_url: { url: "http://x" } }] }] },
    ],
    ["messages", { messages: [{ role: "assistant", audio: { id: "a" } }] }],
    ["chat_template", { messages: [{ content: "x" }], chat_template: "{{ messages * 99 }}" }],
    ["input", { input: [{ role: "user", content: [{ type: "input_image" }] }] }],
    ["input", { input: [{ type: "function_call_output", output: [{ type: "input_file" }] }] }],
    ["input", { input: [{ type: "item_reference", id: "msg_1" }] }],
    ["input", { input: [{ type: "computer_call_output", output: {} }] }],
    ["web_search_options", { messages: [{ content: "x" }], web_search_options: {} }],
    ["tools", { input: [{ content: [{ type: "input_image" }] }], tools: [{ type: "mcp" }] }],
    ["tools", { input: "x", tools: [{ type: "function", name: "f" }, { type: "web_search" }] }],
  ])("is found in %s", (field, fields) => {
    expect(bound(fields).unbounded).toBe(field);
  });

  test("is nothing in a conversation of text, calls and their results", () => {
    const input = [
      { role: "user", content: [{ type: "input_text", text: "x" }] },
      { type: "reasoning", summary: [{ type: "summary_text", text: "y" }] },
      { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "c", output: "z" },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "w" }] },
    ];
    expect(bound({ input, tools: [{ type: "function" }] }).unbounded).toBeUndefined();
    const group = { type: "namespace", name: "n", tools: [{ type: "custom", name: "f" }] };
    const shell = { type: "local_shell" };
    expect(bound({ input, tools: [group, shell] }).unbounded).toBeUndefined();
    const brought = { type: "additional_tools", tools: [{ type: "file_search" }] };
    expect(bound({ input: [brought] })).toMatchObject({ unbounded: "tools" });
  });
});
