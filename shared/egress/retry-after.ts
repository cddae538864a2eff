const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const ONE_PART = /(\d+(?:\.\d+)?)\s*(ms|milli|s|m|h)[a-z]*/gi;
/** The source matches one duration in words, such as `1m30s` or `20 seconds`. */
export const DURATION = String.raw`((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b\s*|\d+(?:\.\d+)?[smh](?=\d))+)`;
const WHOLE_DURATION = new RegExp(`^\\s*${DURATION}$`, "i");

/**
 * Reads the wait that a `retry-after` header asks for, in milliseconds. The header holds seconds, a
 * duration or a date. Undefined when it is absent, negative, past or unreadable. Callers limit how
 * long they wait.
 */
export function readRetryAfterMs(value: string | undefined, now: Date): number | undefined {
  const text = value?.trim() ?? "";
  if (text === "") return undefined;
  const seconds = Number(text);
  if (!Number.isNaN(seconds)) return positive(seconds * 1_000);
  if (WHOLE_DURATION.test(text)) return readDurationMs(text);
  // `Date.parse` finds dates in almost any text ("abc 1"). An HTTP date always ends in GMT.
  const isDate = text.endsWith("GMT") || /^\d{4}-\d\d-\d\dT/.test(text);
  return isDate ? positive(Date.parse(text) - now.getTime()) : undefined;
}

/** Reads a text that matches `DURATION` as milliseconds. Undefined for a duration of zero. */
export function readDurationMs(text: string): number | undefined {
  let ms = 0;
  for (const [, count, unit = ""] of text.matchAll(ONE_PART)) {
    const name = unit.toLowerCase() === "milli" ? "ms" : unit.toLowerCase();
    ms += Number(count) * (UNIT_MS[name] ?? 0);
  }
  return positive(ms);
}

function positive(ms: number): number | undefined {
  return ms > 0 ? Math.ceil(ms) : undefined;
}
