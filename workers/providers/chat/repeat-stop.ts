import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import type { StreamEvent } from "./chunk-feed.ts";

/** Ollama stops after 31 pieces that differ in white space only, or 30 of nothing but white space. */
const TIMES = 30;

/**
 * Ollama (0.17.4, `llm/server.go`) ends an answer in which one token comes over and over, and tells
 * nobody: its stream ends in order, without a finish reason, usage or `[DONE]`. Another try would
 * only loop again, so the answer counts as one that came to its limit.
 */
export class RepeatStop {
  #lastText: string | undefined;
  #times = 0;
  #last: JsonObject = {};

  take(chunk: JsonObject): void {
    const [first] = Array.isArray(chunk["choices"]) ? (chunk["choices"] as unknown[]) : [];
    const choice = asObject(first);
    if (choice === undefined) return;
    const { content, reasoning } = asObject(choice["delta"]) ?? {};
    const piece = [content, reasoning, choice["text"]].find(
      (text) => typeof text === "string" && text,
    );
    const trimmed = typeof piece === "string" ? piece.trim() : undefined;
    this.#times = trimmed === this.#lastText ? this.#times + 1 : 1;
    this.#lastText = trimmed;
    this.#last = chunk;
  }

  /** Returns the last chunk that such an end lacks, or undefined if this is not such an end. */
  missingEnd(): StreamEvent | undefined {
    if (this.#lastText === undefined || this.#times < TIMES) return undefined;
    const { choices, ...rest } = this.#last;
    const isChat = asObject((choices as unknown[])[0])?.["delta"] !== undefined;
    const nothing = isChat ? { delta: {} } : { text: "" };
    const chunk = { ...rest, choices: [{ index: 0, ...nothing, finish_reason: "length" }] };
    return { kind: "chunk", chunk, text: JSON.stringify(chunk) };
  }
}
