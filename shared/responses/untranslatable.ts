/** A field of a response request that chat completions cannot express. */
export interface Untranslatable {
  readonly param: string;
  readonly message: string;
}

/**
 * Makes the message that something needs a provider that serves `/v1/responses` itself. `remedy`
 * says what the caller can do instead, as the beginning of a sentence.
 */
export function untranslatable(param: string, what: string, remedy?: string): Untranslatable {
  const advice = remedy === undefined ? "" : ` ${remedy}, or use a model of such a provider.`;
  return {
    param,
    message: `${what} needs a provider that serves /v1/responses itself, and this model has none.${advice}`,
  };
}

/** Returns a text such as: A tool of type 'web_search'. */
export function named(what: string, type: unknown): string {
  return typeof type === "string" ? `${what} of type '${type.slice(0, 64)}'` : `${what} of no type`;
}
