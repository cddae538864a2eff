/**
 * Escapes three characters that JSON text may hold unescaped in strings, but that Python's
 * `splitlines()`, and so `iter_lines()` of httpx and of openai-python, treats as line ends. The
 * escapes mean the same. JSON itself requires escapes for the other characters that `splitlines()`
 * splits at.
 */
export function escapeLineEnds(json: string): string {
  return json.replaceAll(
    /[\u0085\u2028\u2029]/g,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
