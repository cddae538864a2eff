import { asObject, type JsonObject } from "../json/json-object.ts";
import { responseOfItem } from "./item-id.ts";

/** Some clients send only the ids of earlier items (`item_reference`) instead of the items. */
function referenceOf(item: unknown): string | undefined {
  const object = asObject(item);
  const id = object?.["type"] === "item_reference" ? object["id"] : undefined;
  return typeof id === "string" ? id : undefined;
}

/** Returns the ids of the responses to which items of an input refer. */
export function referencedResponses(input: unknown): ReadonlySet<string> {
  const ids = Array.isArray(input) ? (input as unknown[]).map(referenceOf) : [];
  const responses = ids.map((id) => (id === undefined ? undefined : responseOfItem(id)));
  return new Set(responses.filter((id) => id !== undefined));
}

/**
 * Replaces each reference in an input by its item. `outputs` holds the outputs of the responses, by
 * response id. A reference without an item in `outputs` stays.
 */
export function resolveReferences(
  input: readonly unknown[],
  outputs: ReadonlyMap<string, readonly JsonObject[]>,
): readonly unknown[] {
  return input.map((item) => {
    const id = referenceOf(item);
    const response = id === undefined ? undefined : responseOfItem(id);
    const output = response === undefined ? undefined : outputs.get(response);
    return output?.find((each) => each["id"] === id) ?? item;
  });
}

/**
 * Returns the `param` of the first reference in an input. After all references are resolved, such a
 * reference has no item.
 */
export function findReference(input: unknown): string | undefined {
  if (!Array.isArray(input)) return undefined;
  const index = (input as unknown[]).findIndex((item) => referenceOf(item) !== undefined);
  return index === -1 ? undefined : `input[${index}].id`;
}
