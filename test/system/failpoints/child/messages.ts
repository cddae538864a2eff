/** A point at which a child is to stop. */
export interface Arming {
  readonly point: string;
  /** Only when what the step is about, as JSON, matches this regular expression. */
  readonly about: string;
}

/** From a test to its child. */
export type ToChild = { readonly arm: Arming } | { readonly stop: true };

/** From a child to its test. */
export type FromChild =
  /** It runs; its name in the fleet, and an API's address. */
  | { readonly runs: string; readonly url: string | undefined }
  | { readonly armed: string }
  /** It stops here, now. `about`: JSON; `passed`: the points that it has passed so far. */
  | { readonly reached: string; readonly about: string; readonly passed: readonly string[] }
  /** It took a step that has no point. */
  | { readonly unnamed: string };
