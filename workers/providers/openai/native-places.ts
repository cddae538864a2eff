import { asObject, stringAt, type JsonObject } from "../../../shared/json/json-object.ts";

/** OpenAI's events of items and their parts have a place in the output. */
const ITEM_EVENT =
  /^response\.(?:output_item|content_part|output_text|refusal|reasoning_|function_call_arguments|custom_tool_call_input)/;
const PART_EVENT = /^response\.(?:content_part|output_text|refusal|reasoning_text|reasoning_part)/;
const SUMMARY_EVENT = /^response\.reasoning_summary/;
const OPENS_PART = /(?:content_part|reasoning_part|reasoning_summary_part)\.added$/;

/**
 * Fills in the places that some engines leave out of their events: llama.cpp's have no `output_index`
 * and no `content_index`, and OpenAI's own clients fail without them. Other places stay.
 */
export class NativePlaces {
  /** Item ids by their place. */
  readonly #ids: string[] = [];
  /** Parts that have begun in the newest item. */
  #parts = 0;

  fill(type: string, data: JsonObject): JsonObject {
    if (!ITEM_EVENT.test(type)) return data;
    const index = this.#indexOf(type, data);
    if (OPENS_PART.test(type)) this.#parts += 1;
    const part = Math.max(0, this.#parts - 1);
    return {
      ...data,
      ...(data["output_index"] == null ? { output_index: index } : {}),
      ...(PART_EVENT.test(type) && data["content_index"] == null ? { content_index: part } : {}),
      ...(SUMMARY_EVENT.test(type) && data["summary_index"] == null ? { summary_index: part } : {}),
    };
  }

  #indexOf(type: string, data: JsonObject): number {
    const id = stringAt(data, "item_id") || stringAt(asObject(data["item"]) ?? {}, "id");
    const known = this.#ids.lastIndexOf(id);
    if (type === "response.output_item.added" && (id === "" || known === -1)) {
      this.#parts = 0;
      return this.#ids.push(id) - 1;
    }
    return known === -1 ? Math.max(0, this.#ids.length - 1) : known;
  }
}
