import { asObject } from "../../../shared/json/json-object.ts";

const MAX_WAIT_MS = 60_000;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const ONE_PART = /(\d+(?:\.\d+)?)\s*(ms|milli|s|m|h)[a-z]*/gi;
const DURATION = String.raw`((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b\s*|\d+(?:\.\d+)?[smh](?=\d))+)`;
const WHOLE_DURATION = new RegExp(`^\\s*${DURATION}$`, "i");
/** OpenAI, Groq, Google, Azure, Anthropic and LiteLLM say so in their messages. */
const MESSAGE_DURATION = new RegExp(`\\b(?:again|retry|wait)\\b[^.\\d]{0,30}${DURATION}`, "i");

/**
 * Reads the wait that an upstream asks for in its headers, at most 60,000 ms: `retry-after-ms`, else
 * `retry-after` in seconds, as a duration or as a date. Undefined: it is absent, negative, past or
 * nonsense.
 */
export function readRetryAfterMs(
  headers: Readonly<Record<string, string | undefined>>,
  now: Date,
): number | undefined {
  return (
    wait(Number(headers["retry-after-ms"] || Number.NaN)) ??
    readRetryAfter(headers["retry-after"] ?? "", now)
  );
}

/**
 * Reads the wait from the body of an error: Google's `retryDelay`, a number of seconds under another
 * name, or a duration in `message`, the upstream's words.
 */
export function readBodyRetryAfterMs(body: unknown, message = ""): number | undefined {
  const top = asObject(Array.isArray(body) ? body[0] : body) ?? {};
  const error = asObject(top["error"]) ?? {};
  const details = Array.isArray(error["details"]) ? (error["details"] as unknown[]) : [];
  const delays = details.map((each) => asObject(each)?.["retryDelay"]);
  const seconds = [top, error].flatMap((each) => [
    each["retry_after"],
    each["retryAfter"],
    each["retry_after_seconds"],
    each["estimated_time"],
  ]);
  const field = [...delays, ...seconds].find(
    (each) => typeof each === "number" || typeof each === "string",
  );
  if (field !== undefined) return readRetryAfter(String(field), new Date());
  const duration = MESSAGE_DURATION.exec(message)?.[1];
  return duration === undefined ? undefined : readDuration(duration);
}

function readRetryAfter(value: string, now: Date): number | undefined {
  if (value.trim() === "") return undefined;
  const seconds = Number(value);
  if (!Number.isNaN(seconds)) return wait(seconds * 1000);
  if (WHOLE_DURATION.test(value)) return readDuration(value);
  // Date.parse finds dates in almost anything ("abc 1"). An HTTP date always ends in GMT.
  const isDate = value.endsWith("GMT") || /^\d{4}-\d\d-\d\dT/.test(value);
  return isDate ? wait(Date.parse(value) - now.getTime()) : undefined;
}

function readDuration(text: string): number | undefined {
  let ms = 0;
  for (const [, count, unit = ""] of text.matchAll(ONE_PART)) {
    const name = unit.toLowerCase() === "milli" ? "ms" : unit.toLowerCase();
    ms += Number(count) * (UNIT_MS[name] ?? 0);
  }
  return wait(ms);
}

function wait(ms: number): number | undefined {
  return ms > 0 ? Math.min(Math.ceil(ms), MAX_WAIT_MS) : undefined;
}
