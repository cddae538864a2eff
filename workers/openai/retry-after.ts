import type { IncomingHttpHeaders } from "node:http";

const longestMs = 60_000;

/**
 * The wait that an upstream asked for, in milliseconds, at most 60,000: `retry-after-ms`, else
 * `retry-after` in seconds or as an HTTP date. Undefined when absent, negative, past or nonsense.
 */
export function readRetryAfterMs(headers: IncomingHttpHeaders, now: Date): number | undefined {
  return (
    wait(Number(headers["retry-after-ms"] ?? Number.NaN)) ??
    readRetryAfter(headers["retry-after"], now)
  );
}

function readRetryAfter(value: string | undefined, now: Date): number | undefined {
  if (value === undefined || value.trim() === "") return undefined;
  const seconds = Number(value);
  if (!Number.isNaN(seconds)) return wait(seconds * 1000);
  // Date.parse reads dates into almost anything ("abc 1"); an HTTP date always ends in GMT.
  return value.endsWith("GMT") ? wait(Date.parse(value) - now.getTime()) : undefined;
}

function wait(ms: number): number | undefined {
  return ms > 0 ? Math.min(Math.ceil(ms), longestMs) : undefined;
}
