import { describe, expect, it } from "vitest";
import { checkFields } from "../../../../shared/requests/check-fields.ts";
import { responsesSchema } from "../../../../shared/requests/schemas/responses-schema.ts";
import { BrokerError } from "../../../../shared/errors/broker-error.ts";

const paramOf = (fields: object) => {
  try {
    checkFields(responsesSchema, { model: "m", input: "Hi", ...fields });
    return undefined;
  } catch (error) {
    return error instanceof BrokerError ? error.param : error;
  }
};

describe("the fields of a response request", () => {
  it.each<[string, object]>([
    [
      "items of any type",
      {
        input: [
          { type: "later", x: 1 },
          { role: "user", content: "x" },
        ],
      },
    ],
    ["no input after an earlier response", { input: undefined, previous_response_id: "resp_1" }],
    ["unknown fields", { vendor: { x: 1 } }],
    ["a small cap", { max_output_tokens: 1 }],
    [
      "null for what is left out",
      {
        background: null,
        conversation: null,
        include: null,
        instructions: null,
        max_output_tokens: null,
        metadata: null,
        prompt: null,
        reasoning: null,
        store: null,
        stream: null,
        temperature: null,
        text: null,
        tool_choice: null,
        tools: null,
        top_p: null,
        truncation: null,
      },
    ],
    [
      "what only some engines take",
      {
        temperature: 3,
        top_p: 1.5,
        truncation: "always",
        service_tier: "scale",
        max_output_tokens: -1,
        tools: Array.from({ length: 150 }, (_, i) => ({ type: "function", name: `f${i}` })),
      },
    ],
    ["a background response that is not to be kept", { store: false, background: true }],
    ["metadata to the brim", { metadata: { ["k".repeat(64)]: "v".repeat(512) } }],
  ])("take %s", (_what, fields) => {
    expect(paramOf(fields)).toBeUndefined();
  });

  it.each<[string, object]>([
    ["input", { input: undefined }],
    ["input[1]", { input: [{ role: "user", content: "x" }, 3] }],
    ["input[0].content[0].type", { input: [{ role: "user", content: [{ text: "x" }] }] }],
    ["conversation", { conversation: 7 }],
    ["prompt", { prompt: { id: "p" } }],
    ["max_output_tokens", { max_output_tokens: -2 }],
    ["max_output_tokens", { max_output_tokens: 1.5 }],
    ["metadata", { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, "x"])) }],
    ["metadata.a", { metadata: { a: 1 } }],
    ["tools[0].type", { tools: [{ name: "f" }] }],
    ["temperature", { temperature: "hot" }],
    ["truncation", { truncation: 1 }],
    ["stream_options", { stream_options: {} }],
    ["service_tier", { service_tier: 1 }],
  ])("name %s when it is wrong", (param, fields) => {
    expect(paramOf(fields)).toBe(param);
  });
});
