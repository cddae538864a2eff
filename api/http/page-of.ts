import { listObject } from "./list-object.ts";

export interface PageQuery {
  readonly after?: string | undefined;
  readonly limit: number;
  readonly order: "asc" | "desc";
}

/**
 * A page ends once it has this size. Its items can be as large as requests and answers, and a
 * hundred of them must fit into memory.
 */
export const PAGE_BYTES = 8 * 1024 * 1024;

/** Makes a page of items that are all in memory. */
export function pageOf(items: readonly { readonly id?: unknown }[], query: PageQuery): object {
  const ordered = query.order === "asc" ? items : items.toReversed();
  const at = ordered.findIndex(({ id }) => id === query.after);
  const rest = ordered.slice(at + 1);
  const data = rest.slice(0, query.limit);
  return listObject(data, rest.length > data.length);
}
