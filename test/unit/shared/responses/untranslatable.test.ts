import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../shared/json/json-object.ts";
import { findUntranslatable } from "../../../../shared/responses/find-untranslatable.ts";

const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" };
const output = (id: string, text: unknown) => ({
  type: "function_call_output",
  call_id: id,
  output: text,
});
const user = (part: object) => ({ input: [{ role: "user", content: [part] }] });

describe("what chat completions cannot express is named", () => {
  it.each<[string, JsonObject]>([
    ["tools[1].type", { tools: [{ type: "function", name: "f" }, { type: "web_search" }] }],
    ["tools[0].name", { tools: [{ type: "custom" }] }],
    ["tools[0].name", { tools: [{ type: "function", function: { parameters: {} } }] }],
    ["tools[0]", { tools: [{ type: "namespace", name: "n" }] }],
    [
      "tools[0].tools[0].type",
      { tools: [{ type: "namespace", name: "n", tools: [{ type: "mcp" }] }] },
    ],
    ["tools[0].type", { tools: [{ type: "shell", environment: { type: "container_auto" } }] }],
    ["tool_choice.name", { tool_choice: { type: "function", function: {} } }],
    ["tool_choice.type", { tool_choice: { type: "file_search" } }],
    ["text.format.type", { text: { format: { type: "grammar" } } }],
    ["max_tool_calls", { max_tool_calls: 3 }],
    ["top_logprobs", { top_logprobs: 3 }],
    ["include[1]", { include: ["reasoning.encrypted_content", "message.output_text.logprobs"] }],
    ["prompt", { prompt: { id: "p" } }],
    ["input[1].type", { input: [reasoning, { type: "item_reference", id: "x" }] }],
    ["input[0].type", { input: [{ type: "computer_call_output" }] }],
    ["input[0].role", { input: [{ role: "critic", content: "x" }] }],
    ["input[0].arguments", { input: [{ type: "function_call", call_id: "x", name: "f" }] }],
    ["input[0].call_id", { input: [{ type: "function_call_output", output: "x" }] }],
    ["input[0].output", { input: [{ type: "function_call_output", call_id: "x" }] }],
    ["input[0].content", { input: [{ role: "user" }] }],
    ["input[0].content[0].text", user({ type: "input_text" })],
    ["input[0].tool_call_id", { input: [{ role: "tool", content: "x" }] }],
    ["input[0].input", { input: [{ type: "custom_tool_call", call_id: "x", name: "f" }] }],
    ["input[0].encrypted_content", { input: [{ type: "compaction", encrypted_content: "gAAA" }] }],
    ["input[0].output[0].type", { input: [output("1", [{ type: "input_video" }])] }],
    [
      "input[0].output[0].image_url",
      { input: [output("1", [{ type: "input_image", file_id: "x" }])] },
    ],
    ["input[0].content[0].image_url", user({ type: "input_image", file_id: "x" })],
    ["input[0].content[0].file_data", user({ type: "input_file", file_url: "https://x" })],
    ["input[0].content[0].type", user({ type: "input_video" })],
    [
      "input[0].content[0].type",
      { input: [{ role: "assistant", content: [{ type: "input_image", image_url: "x" }] }] },
    ],
  ])("%s", (param, body) => {
    const problem = findUntranslatable({ input: "Hi", ...body });
    expect(problem?.param).toBe(param);
    expect(problem?.message).toMatch(/\.$/);
  });
});
