/** A problem of a provider's configuration that will not go away by itself. */
export interface ProviderProblem {
  readonly code:
    | "key_refused"
    | "missing_version_path"
    | "unknown_model"
    | "wrong_kind"
    | "context_too_long"
    | "too_many_slots"
    | "call_refused";
  /** For operators: names, numbers and the upstream's own words; never a key or a prompt. */
  readonly message: string;
}
