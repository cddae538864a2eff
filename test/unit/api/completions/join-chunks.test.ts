import { expect, test } from "vitest";
import { joinChunks } from "../../../../api/completions/join-chunks.ts";

const chunk = (delta: object, more: object = {}) => ({
  id: "c",
  object: "chat.completion.chunk",
  model: "m",
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
});

const token = (text: string) => ({ logprobs: { content: [{ token: text, logprob: -1 }] } });
const calls = (...pieces: object[]) => ({ tool_calls: pieces });

test("a stored stream has everything that its chunks said", () => {
  const joined = joinChunks([
    { id: "", object: "", model: "", choices: [], prompt_filter_results: [] },
    chunk({ role: "assistant", content: "" }),
    chunk({ content: [{ type: "thinking", thinking: "hm" }] }),
    chunk({ content: "Bl" }, token("Bl")),
    chunk({ content: "ue" }, token("ue")),
    chunk(calls({ index: 0, id: "a", type: "custom", custom: { name: "f", input: "" } })),
    chunk(calls({ index: 0, custom: { input: "Os" } }, { index: 0, custom: { input: "lo" } })),
    chunk(calls({ index: 1, id: "b", type: "function", function: { name: "g", arguments: "{" } })),
    chunk(calls({ index: 1, function: { arguments: "}" } })),
    chunk({}, { finish_reason: "tool_calls" }),
    { id: "c", choices: [], usage: { prompt_tokens: 1 } },
  ]);
  expect(joined).toEqual({
    id: "c",
    object: "chat.completion.chunk",
    model: "m",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm" },
            { type: "text", text: "Blue" },
          ],
          tool_calls: [
            { id: "a", type: "custom", custom: { name: "f", input: "Oslo" } },
            { id: "b", type: "function", function: { name: "g", arguments: "{}" } },
          ],
        },
        logprobs: { content: [token("Bl"), token("ue")].flatMap((each) => each.logprobs.content) },
        finish_reason: "tool_calls",
      },
    ],
    usage: { prompt_tokens: 1 },
  });
});
