/**
 * Why a provider rests: it refuses calls for its own state, hangs up before it has begun, fails or
 * keeps silent for several jobs in a row, or its health check says no. With `credential` and `quota`
 * it serves nobody until the broker's operator has mended that.
 */
export type RestReason =
  | "refuses"
  | "breaks"
  | "fails"
  | "hangs"
  | "unwell"
  | "credential"
  | "quota";
