import { DURATION, readDurationMs, readRetryAfterMs } from "../../../shared/egress/retry-after.ts";
import { asObject } from "../../../shared/json/json-object.ts";

const MAX_WAIT_MS = 60_000;

/** OpenAI, Groq, Google, Azure, Anthropic and LiteLLM name the wait so in their messages. */
const MESSAGE_DURATION = new RegExp(`\\b(?:again|retry|wait)\\b[^.\\d]{0,30}${DURATION}`, "i");

/**
 * Reads the wait that an upstream asks for in its headers, at most 60,000 ms: `retry-after-ms`,
 * else `retry-after`. Returns undefined if neither asks for one.
 */
export function readHeaderRetryAfterMs(
  headers: Readonly<Record<string, string | undefined>>,
  now: Date,
): number | undefined {
  const ms = Number(headers["retry-after-ms"] || Number.NaN);
  return capped(ms > 0 ? Math.ceil(ms) : readRetryAfterMs(headers["retry-after"], now));
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
  if (field !== undefined) return capped(readRetryAfterMs(String(field), new Date()));
  const duration = MESSAGE_DURATION.exec(message)?.[1];
  return duration === undefined ? undefined : capped(readDurationMs(duration));
}

function capped(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.min(ms, MAX_WAIT_MS);
}
