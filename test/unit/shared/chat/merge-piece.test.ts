import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../../../shared/json/json-object.ts";
import { mergePiece } from "../../../../shared/chat/merge-piece.ts";

const thinking = (text: unknown, more: object = {}) => ({
  type: "thinking",
  thinking: text,
  ...more,
});
const part = (text: string) => ({ type: "text", text });

describe("thoughts that come in pieces are whole again", () => {
  it.each<[string, JsonObject[], object]>([
    [
      "Mistral's, parts before texts",
      [
        { content: [thinking([part("Let ")])] },
        { content: [thinking([part("me.")])] },
        { content: "Blue " },
        { content: "herons." },
      ],
      { content: [thinking([part("Let me.")]), part("Blue herons.")] },
    ],
    [
      "texts before parts",
      [{ content: "Blue " }, { content: [part("herons"), { type: "reference" }, part(".")] }],
      { content: [part("Blue herons"), { type: "reference" }, part(".")] },
    ],
    [
      "LiteLLM's, each with its signature",
      [
        { thinking_blocks: [thinking("Let ", { signature: "" })] },
        { thinking_blocks: [thinking("me.", { signature: "" })] },
        { thinking_blocks: [thinking("", { signature: "S1" })] },
        { thinking_blocks: [thinking("And", { signature: "" })] },
        { thinking_blocks: [thinking("", { signature: "S2" })] },
      ],
      {
        thinking_blocks: [
          thinking("Let me.", { signature: "S1" }),
          thinking("And", { signature: "S2" }),
        ],
      },
    ],
    [
      "OpenRouter's, of two kinds under one index",
      [
        { reasoning_details: [{ type: "reasoning.summary", summary: "Let ", index: 0 }] },
        { reasoning_details: [{ type: "reasoning.summary", summary: "me.", index: 0 }] },
        { reasoning_details: [{ type: "reasoning.encrypted", data: "E", index: 0 }] },
      ],
      {
        reasoning_details: [
          { type: "reasoning.summary", summary: "Let me.", index: 0 },
          { type: "reasoning.encrypted", data: "E", index: 0 },
        ],
      },
    ],
  ])("%s", (_what, deltas, expected) => {
    const message = {};
    for (const delta of deltas) mergePiece(message, delta);
    expect(message).toEqual(expected);
  });
});
