/** A system's or library's code for an error (`ECONNREFUSED`), else the error's name. */
export function errorCode(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
