/**
 * What a person reads of an error: its message, since errors of the user's making, of the system
 * and of the database say what is wrong. Mistakes of the program come with their stack.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isMistake(error)) return error.stack ?? error.message;
  // A host with several addresses fails with an error for each.
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  if (error.message === "" && first !== undefined) return errorText(first);
  return error.message === "" ? error.name : error.message;
}

function isMistake(error: Error): boolean {
  if ("code" in error && error.code === "ERR_INVALID_URL") return false;
  return (
    error instanceof TypeError ||
    error instanceof ReferenceError ||
    error instanceof RangeError ||
    error instanceof SyntaxError
  );
}
