import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { listObject } from "../http/list-object.ts";
import { inputItems } from "../../shared/inference/previous-turn.ts";

interface ItemsQuery {
  readonly after?: string | undefined;
  readonly limit: number;
  readonly order: "asc" | "desc";
}

/** A page of a response's input items; those that came without an id get one by their place. */
export function inputItemList(response: string, input: unknown, query: ItemsQuery): object {
  const hex = response.slice("resp_".length);
  const items = inputItems(input).map((item, index) => completeItem(hex, item, index));
  const ordered = query.order === "asc" ? items : items.toReversed();
  const at = ordered.findIndex(({ id }) => id === query.after);
  const rest = ordered.slice(at + 1);
  const data = rest.slice(0, query.limit);
  return listObject(data, rest.length > data.length);
}

function completeItem(hex: string, item: unknown, index: number): JsonObject {
  const given = asObject(item) ?? {};
  const { type = "message", content } = given;
  const text = given["role"] === "assistant" ? "output_text" : "input_text";
  const parts = typeof content === "string" ? [{ type: text, text: content }] : content;
  return {
    id: `${type === "message" ? "msg" : "item"}_${hex}_${index}`,
    type,
    ...given,
    ...(parts === undefined ? {} : { content: parts }),
  };
}
