import { asObject, type JsonObject } from "../json/json-object.ts";
import { responseOfItem } from "./item-id.ts";

/** Some clients name the items of earlier answers (`item_reference`) instead of sending them. */
function referenceOf(item: unknown): string | undefined {
  const object = asObject(item);
  const id = object?.["type"] === "item_reference" ? object["id"] : undefined;
  return typeof id === "string" ? id : undefined;
}

/** The responses that items of an input refer to. */
export function referencedResponses(input: unknown): ReadonlySet<string> {
  const ids = Array.isArray(input) ? (input as unknown[]).map(referenceOf) : [];
  const responses = ids.map((id) => (id === undefined ? undefined : responseOfItem(id)));
  return new Set(responses.filter((id) => id !== undefined));
}

/**
 * The input with each reference replaced by its item. `outputs` holds those of the responses
 * referred to, by response id. What is not among them stays a reference.
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

/** The `param` of the first reference in an input, which leads to nothing once all are resolved. */
export function findReference(input: unknown): string | undefined {
  if (!Array.isArray(input)) return undefined;
  const index = (input as unknown[]).findIndex((item) => referenceOf(item) !== undefined);
  return index === -1 ? undefined : `input[${index}].id`;
}
