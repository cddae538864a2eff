import { newId } from "../contracts/new-id.ts";
import { asObject, type JsonObject } from "../json/json-object.ts";

export interface NewItem {
  readonly id: string;
  /** JSON, with the id. */
  readonly text: string;
}

/**
 * Items as a conversation keeps them: with an id and, of a message, its parts in a list. Whatever id
 * they come with is another place's, where the item stays what it was.
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
