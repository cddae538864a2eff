import { describe, expect, test } from "vitest";
import { inputBound } from "../../api/inference/cost-bound.ts";

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
    const { textTokens, media } = bound(fields);
    expect(media).toBe(false);
    expect(textTokens).toBe(Buffer.byteLength(JSON.stringify(fields)) + allowance);
    const copies = JSON.stringify(fields).split("Grüße").length - 1;
    expect(textTokens).toBeGreaterThan(copies * Buffer.byteLength(text));
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

describe("media", () => {
  test.each([
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:" } }] }] },
    {
      messages: [{ role: "user", content: [{ type: "text", text: "x" }, { type: "input_audio" }] }],
    },
    { messages: [{ role: "user", content: [{ image_url: { url: "http://x" } }] }] },
    { messages: [{ role: "assistant", audio: { id: "a" } }] },
    { messages: [{ role: "user", content: "x" }], chat_template: "{{ messages * 99 }}" },
  ])("cannot be bounded by text: %j", (fields) => {
    expect(bound(fields).media).toBe(true);
  });
});
