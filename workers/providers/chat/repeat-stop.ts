import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import type { StreamEvent } from "./chunk-feed.ts";

/** Equal pieces at the end, but for white space: 31, or 30 where white space is all there was. */
const TIMES = 30;

/**
 * Ollama (0.17.4, `llm/server.go`) ends an answer in which one token comes over and over, and tells
 * nobody: its stream ends in order, without a finish reason, usage or `[DONE]`. To try it again only
 * loops again. It is told as an answer that came to its limit.
 */
export class RepeatStop {
  #said: string | undefined;
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
    const said = typeof piece === "string" ? piece.trim() : undefined;
    this.#times = said === this.#said ? this.#times + 1 : 1;
    this.#said = said;
    this.#last = chunk;
  }

  /** The last chunk that such an end lacks. Undefined: this is no such end. */
  missingEnd(): StreamEvent | undefined {
    if (this.#said === undefined || this.#times < TIMES) return undefined;
    const { choices, ...rest } = this.#last;
    const isChat = asObject((choices as unknown[])[0])?.["delta"] !== undefined;
    const nothing = isChat ? { delta: {} } : { text: "" };
    const chunk = { ...rest, choices: [{ index: 0, ...nothing, finish_reason: "length" }] };
    return { kind: "chunk", chunk, text: JSON.stringify(chunk) };
  }
}
