import { newId } from "../contracts/new-id.ts";
import { asObject, type JsonObject } from "../json/json-object.ts";

export interface NewItem {
  readonly id: string;
  /** The item as JSON, with its id. */
  readonly text: string;
}

/**
 * Returns items as a conversation stores them: each with a new id, and the content of a message as
 * a list of parts. An id that an item already has belongs to another place, where the item stays as
 * it was.
 */
export function newItems(items: readonly unknown[]): readonly NewItem[] {
  return items.map((each) => {
    const item = asObject(each) ?? {};
    const { type = "message", content, role } = item;
    const id = newId(type === "message" ? "msg" : "item");
    const text = role === "assistant" ? "output_text" : "input_text";
    const kept: JsonObject = {
      ...item,
      type,
      id,
      ...(typeof content === "string" ? { content: [{ type: text, text: content }] } : {}),
      ...(type === "message" ? { status: "completed" } : {}),
    };
    return { id, text: JSON.stringify(kept) };
  });
}
