/**
 * JSON text without the three characters that it may have as they are within strings but that Python's
 * `splitlines()`, and so `iter_lines()` of httpx and of openai-python, takes for ends of lines. Their
 * escapes say the same; all others that it splits at, JSON itself wants escaped.
 */
export function escapeLineEnds(json: string): string {
  return json.replaceAll(
    /[\u0085\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
