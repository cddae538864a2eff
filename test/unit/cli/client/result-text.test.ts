import { expect, test } from "vitest";
import { resultText } from "../../../../cli/client/result-text.ts";

const embedding = { object: "list", data: [{ object: "embedding", embedding: [0.5] }] };
const toolCall = { choices: [{ message: { content: null, tool_calls: [{ id: "call_1" }] } }] };

test.each([
  ["a chat completion", { choices: [{ message: { content: "one\ntwo" } }] }, "one\ntwo"],
  ["a completion", { choices: [{ text: "one" }, { text: "other" }] }, "one"],
  [
    "a response",
    {
      object: "response",
      output: [
        { type: "reasoning", summary: [] },
        { type: "message", content: [{ type: "output_text", text: "one " }] },
        { type: "message", content: [{ type: "output_text", text: "two" }] },
      ],
    },
    "one two",
  ],
  ["embeddings", embedding, JSON.stringify(embedding)],
  ["a call of a tool", toolCall, JSON.stringify(toolCall)],
])("the text of %s", (_what, result, text) => {
  expect(resultText(JSON.stringify(result))).toBe(text);
});
