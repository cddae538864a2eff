import { expect, test } from "vitest";
import type { z } from "zod";
import { conversationInput } from "../../../../api/conversations/conversation-input.ts";
import { BrokerError } from "../../../../shared/errors/broker-error.ts";
import { checkFields } from "../../../../shared/requests/check-fields.ts";
import { chatSchema } from "../../../../shared/requests/schemas/chat-schema.ts";
import { responsesSchema } from "../../../../shared/requests/schemas/responses-schema.ts";

const chat = { model: "m", messages: [{ role: "user", content: "Hi" }] };
const response = { model: "m", input: "Hi" };

function refusalOf(schema: z.ZodType, fields: Readonly<Record<string, unknown>>): BrokerError {
  try {
    checkFields(schema, fields);
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("it passes");
}

test.each<[string, string, z.ZodType, Readonly<Record<string, unknown>>]>([
  ["stop", "string or array", chatSchema, { ...chat, stop: 5 }],
  [
    "messages[0].content",
    "string or array",
    chatSchema,
    { ...chat, messages: [{ role: "user", content: 5 }] },
  ],
  [
    "messages[0].content[0]",
    "string or object",
    chatSchema,
    { ...chat, messages: [{ role: "user", content: [5] }] },
  ],
  ["tool_choice", "string or object", chatSchema, { ...chat, tool_choice: 5 }],
  ["logit_bias", "object or array", chatSchema, { ...chat, logit_bias: 5 }],
  ["input", "string or array", responsesSchema, { ...response, input: 5 }],
  [
    "input[0].content",
    "string or array",
    responsesSchema,
    { ...response, input: [{ content: 5 }] },
  ],
  ["conversation", "string or object", responsesSchema, { ...response, conversation: 5 }],
])("of a wrong %s it is told that it is to be %s", (param, expected, schema, fields) => {
  const error = refusalOf(schema, fields);
  expect(error.param).toBe(param);
  expect(error.message).toBe(`Invalid value for '${param}': Invalid input: expected ${expected}.`);
});

test("a field that there is not is named", () => {
  const error = refusalOf(conversationInput, { items: [], title: "Herons" });
  expect(error.param).toBe("title");
  expect(error.message).toBe("Invalid value for 'title': Unknown field.");
});

test("a name as long as the body is told in part", () => {
  const error = refusalOf(responsesSchema, {
    ...response,
    metadata: { ["k".repeat(100_000)]: "v" },
  });
  expect(error.param).toHaveLength(128);
  expect(error.message.length).toBeLessThan(300);
});
