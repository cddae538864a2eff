/** A field of a response request that chat completions cannot express. */
export interface Untranslatable {
  readonly param: string;
  readonly message: string;
}

/** Says that something needs a provider that serves `/v1/responses` itself. */
export function untranslatable(param: string, what: string): Untranslatable {
  return {
    param,
    message: `${what} needs a provider that serves /v1/responses itself, and this model has none.`,
  };
}

/** Such as: A tool of type 'web_search'. */
export function named(what: string, type: unknown): string {
  return typeof type === "string" ? `${what} of type '${type.slice(0, 64)}'` : `${what} of no type`;
}
