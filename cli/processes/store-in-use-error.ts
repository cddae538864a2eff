/** Thrown when another process works on the same data. */
export class StoreInUseError extends Error {
  override readonly name = "StoreInUseError";
}
