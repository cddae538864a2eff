/** Thrown by the language for a program's own mistakes, whatever code they carry. */
const OWN = [TypeError, RangeError, ReferenceError, SyntaxError, URIError];

/**
 * Whether an error is a mistake of this program, which is never to be told as the trouble of a
 * database or queue that was asked at the time.
 */
export function isProgramError(error: unknown): boolean {
  return OWN.some((own) => error instanceof own);
}

/** A system's or library's code for an error (`ECONNREFUSED`), else the error's name. */
export function errorCode(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
