/**
 * The reasons why a provider rests. The provider refuses calls because of its own state, hangs up
 * before it has begun, fails or stays silent for several jobs in a row, or fails its health check.
 * With `credential` and `quota` it serves nobody until the operator has fixed the cause.
 */
export type RestReason =
  | "refuses"
  | "breaks"
  | "fails"
  | "hangs"
  | "unwell"
  | "credential"
  | "quota";
