import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { pageOf, type PageQuery } from "../http/page-of.ts";
import { inputItems } from "../../shared/requests/previous-turn.ts";

/** Makes a page of a response's input items. An item without an id gets one by its place. */
export function inputItemList(response: string, input: unknown, query: PageQuery): object {
  const hex = response.slice("resp_".length);
  return pageOf(
    inputItems(input).map((item, index) => completeItem(hex, item, index)),
    query,
  );
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
