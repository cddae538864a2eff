/** The child is to stop at this point. */
export interface Arming {
  readonly point: string;
  /** The child stops only when this regular expression matches what the step is about, as JSON. */
  readonly about: string;
}

/** From a test to its child. */
export type ToChild = { readonly arm: Arming } | { readonly stop: true };

/** From a child to its test. */
export type FromChild =
  /** The child runs. `runs`: its name in the fleet; `url`: the address of an API. */
  | { readonly runs: string; readonly url: string | undefined }
  | { readonly armed: string }
  /**
   * The child stops at this point. `about`: JSON; `passed`: the points that it has passed since it
   * was armed.
   */
  | { readonly reached: string; readonly about: string; readonly passed: readonly string[] }
  /** The child took a step that has no point. */
  | { readonly unnamed: string };
