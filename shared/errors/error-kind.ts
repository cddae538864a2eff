/** The language throws these for a program's own mistakes, whichever code they carry. */
const OWN = [TypeError, RangeError, ReferenceError, SyntaxError, URIError];

/**
 * Returns true for a mistake of this program. It must never be reported as a failure of the
 * database or queue that was called at the time.
 */
export function isProgramError(error: unknown): boolean {
  return OWN.some((own) => error instanceof own);
}

/** Returns the code of a system or library error (`ECONNREFUSED`), else the error's name. */
export function errorCode(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
