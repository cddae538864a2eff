/**
 * Returns what a person should read of an error: its message when the user, the system or the
 * database caused it, and the stack when it is a mistake of the program.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isMistake(error)) return error.stack ?? error.message;
  // A host with several addresses fails with one error for each address.
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
