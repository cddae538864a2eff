const PREFIX = "resp_";
const OWNED = /^(.+)_r([0-9a-f]{32})$/s;

/**
 * An output item's id, which names its response, so that a reference to the item
 * (`item_reference`) leads to where it is stored. `own` is the upstream's id, or made by us.
 */
export function ownedItemId(own: string, responseId: string): string {
  return `${own}_r${responseId.slice(PREFIX.length)}`;
}

/** The response that an output item belongs to; undefined for ids that the broker never gave. */
export function responseOfItem(itemId: string): string | undefined {
  const digits = OWNED.exec(itemId)?.[2];
  return digits === undefined ? undefined : PREFIX + digits;
}

/** The id that the upstream gave the item; the same for ids that the broker never gave. */
export function upstreamItemId(itemId: string): string {
  return OWNED.exec(itemId)?.[1] ?? itemId;
}
