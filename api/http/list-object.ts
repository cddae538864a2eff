/**
 * Makes a page of a list in OpenAI's shape. Clients get the next page with `after=<last_id>` while
 * `has_more` is true.
 */
export function listObject(data: readonly object[], hasMore: boolean): object {
  return {
    object: "list",
    data,
    first_id: idOf(data.at(0)),
    last_id: idOf(data.at(-1)),
    has_more: hasMore,
  };
}

function idOf(item: { readonly id?: unknown } | undefined): unknown {
  return item?.id ?? null;
}
