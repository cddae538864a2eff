const PREFIX = "resp_";
const OWNED = /^(.+)_r([0-9a-f]{32})$/s;

/**
 * Makes the id of an output item. It contains the response's id, so that a reference to the item
 * (`item_reference`) leads to the place where the item is stored. `own` comes from the upstream or
 * the broker.
 */
export function ownedItemId(own: string, responseId: string): string {
  return `${own}_r${responseId.slice(PREFIX.length)}`;
}

/**
 * Returns the id of the response of an output item. Undefined for an id that the broker never gave.
 */
export function responseOfItem(itemId: string): string | undefined {
  const digits = OWNED.exec(itemId)?.[2];
  return digits === undefined ? undefined : PREFIX + digits;
}

/**
 * Returns the id that the upstream gave the item. An id that the broker never gave stays the same.
 */
export function upstreamItemId(itemId: string): string {
  return OWNED.exec(itemId)?.[1] ?? itemId;
}
