/** Milliseconds from a `retry-after` header, in seconds or as an HTTP date; 0 for none and nonsense. */
export function readRetryAfterMs(value: string | undefined, now: Date): number {
  const text = value?.trim() ?? "";
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1_000;
  // Date.parse reads dates into almost anything; an HTTP date always ends in GMT.
  const ms = text.endsWith("GMT") ? Date.parse(text) - now.getTime() : 0;
  return ms > 0 ? ms : 0;
}
