/** A page of a list as OpenAI's. Clients get the next with `after=<last_id>` while `has_more`. */
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
