import { describe, expect, it } from "vitest";
import { estimateInput } from "../../../../shared/requests/estimate-input.ts";
import { estimateTokens } from "../../../../shared/requests/estimate-tokens.ts";

/** Each number is how many tokens `o200k_base` makes of the text. */
const counted: readonly (readonly [string, number, string])[] = [
  [
    "English",
    62,
    "A spillway is the part of a dam that lets the overflow out, safely and measured. Applications speak the OpenAI API to it; it keeps their work in durable queues in front of local GPU endpoints, spills to the cloud only when it must, and writes what everything cost before anyone sees the answer.",
  ],
  [
    "code",
    38,
    'export function countPrompts(input: PromptInput): number {\n  return typeof input === "string" || typeof input[0] === "number" ? 1 : input.length;\n}\n',
  ],
  [
    "JSON",
    29,
    '{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}',
  ],
  [
    "German",
    23,
    "Die Vermittlung nimmt Anfragen entgegen und hält sie in dauerhaften Warteschlangen, bis ein Rechner frei ist.",
  ],
  [
    "Russian",
    28,
    "Запросы хранятся в надёжных очередях перед серверами, и стоимость каждого вызова записывается в журнал.",
  ],
  [
    "Chinese",
    30,
    "请求保存在服务器前面的持久队列中,每次调用的费用在任何人看到答案之前都会记录在账本中。",
  ],
  ["Arabic", 23, "يتم الاحتفاظ بالطلبات في قوائم انتظار دائمة أمام الخوادم وتسجل تكلفة كل مكالمة"],
  [
    "Base64",
    53,
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  ],
];

describe("an estimate of a text's tokens", () => {
  it.each(counted)("is near what a tokenizer makes of %s", (_what, tokens, text) => {
    expect(estimateTokens(text) / tokens).toBeGreaterThan(0.7);
    expect(estimateTokens(text) / tokens).toBeLessThan(1.6);
  });

  it("of a long text is judged by its beginning", () => {
    expect(estimateTokens("")).toBe(0);
    expect(estimateTokens("word ".repeat(100_000))).toBeCloseTo(100_000, -2);
  });
});

describe("an estimate of a request's input tokens", () => {
  const image = { type: "input_image", image_url: `data:image/png;base64,${"A".repeat(90_000)}` };

  it("does not count a picture by its bytes", () => {
    const input = [{ role: "user", content: [{ type: "input_text", text: "Look" }, image] }];
    expect(estimateInput({ input })).toBeLessThan(1_000);
  });

  it("counts what is read, and nothing that only clients see", () => {
    const call = { type: "function_call", call_id: "call_1", name: "weather", arguments: "{}" };
    const hidden = { id: "fc_0123456789", status: "completed", encrypted_content: "x".repeat(999) };
    const seen = estimateInput({ input: [call] });
    expect(estimateInput({ input: [{ ...call, ...hidden }] })).toBe(seen);
    const tools = [{ type: "function", name: "weather", parameters: {} }];
    expect(estimateInput({ input: [call], tools, instructions: "Be short." })).toBeGreaterThan(
      seen,
    );
  });
});
