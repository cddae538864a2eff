import { expect, test } from "vitest";
import { chatMessages } from "../../../../../workers/providers/responses/chat-messages.ts";

const call = (id: string) => ({
  type: "function_call",
  call_id: id,
  name: "f",
  arguments: '{"a":1}',
});
const output = (id: string, parts: object[]) => ({
  type: "function_call_output",
  call_id: id,
  output: parts,
});
const said = (text: string) => ({ type: "message", role: "assistant", content: text });
const toolCall = (id: string, text = '{"a":1}') => ({
  id,
  type: "function",
  function: { name: "f", arguments: text },
});

test.each([
  [
    "images in the results of parallel calls: a user's message after all of them, with their calls",
    [
      call("1"),
      call("2"),
      output("1", [
        { type: "input_text", text: "x" },
        { type: "input_image", image_url: "data:image/png;base64,AA==", detail: "low" },
      ]),
      output("2", [{ type: "input_image", image_url: "https://x/y.png" }]),
      said("a"),
    ],
    [
      { role: "assistant", content: null, tool_calls: [toolCall("1"), toolCall("2")] },
      {
        role: "tool",
        tool_call_id: "1",
        content: "x\n\n[1 attached in the next user message]",
      },
      { role: "tool", tool_call_id: "2", content: "[1 attached in the next user message]" },
      {
        role: "user",
        content: [
          { type: "text", text: "Attached to the result of f (1):" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AA==", detail: "low" } },
          { type: "text", text: "Attached to the result of f (2):" },
          { type: "image_url", image_url: { url: "https://x/y.png" } },
        ],
      },
      { role: "assistant", content: "a" },
    ],
  ],
  [
    "a file that a custom tool gave back last",
    [
      { type: "custom_tool_call", call_id: "1", name: "f", input: "x" },
      {
        type: "custom_tool_call_output",
        call_id: "1",
        output: [
          {
            type: "input_file",
            filename: "a.pdf",
            file_data: "data:application/pdf;base64,AA==",
          },
        ],
      },
    ],
    [
      {
        role: "assistant",
        content: null,
        tool_calls: [toolCall("1", '{"input":"x"}')],
      },
      { role: "tool", tool_call_id: "1", content: "[1 attached in the next user message]" },
      {
        role: "user",
        content: [
          { type: "text", text: "Attached to the result of f (1):" },
          {
            type: "file",
            file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AA==" },
          },
        ],
      },
    ],
  ],
])("%s", (_what, input, messages) => {
  expect(chatMessages(undefined, input)).toEqual(messages);
});
