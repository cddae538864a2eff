import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";

type Failed = Extract<ProviderOutcome, { kind: "failed" }>;

/** Failures with these reasons may be about the output cap. */
const MAY_BE_THE_CAP = new Set(["bad_request", "context_overflow", "quota_exhausted"]);
const CAP_WORDS =
  /max_?(?:completion_?|output_?|new_?)?(?:tokens|length|len)\b|output tokens|completion|max(?:imum)? tokens/i;
/** Engines write these words before the number of the limit. */
const LIMIT_WORDS =
  /(?:context(?: length| window| size| limit)?|max_model_len|maximum|limit|at most|less than or equal to|afford)[^\d>]{0,60}(\d+)/i;
const BEYOND = /(?:[^=-]>|<=)\s*(\d+)/;

/**
 * Finds in an engine's error the output cap with which it would take the same request; undefined if
 * the error is not about the cap. vLLM, SGLang, TGI, OpenAI, Anthropic, Groq, DeepSeek and
 * OpenRouter each say limit and prompt in their own words, so the size of the numbers decides: the
 * prompt is below the limit, and together with our cap above it. Without any number a quarter is
 * tried. The result is always less than what was sent.
 */
export function smallerCap(outcome: Failed, sent: number): number | undefined {
  // OpenRouter answers 402 to one request that is too expensive.
  const mayBe = MAY_BE_THE_CAP.has(outcome.reason) || outcome.status === 402;
  if (!mayBe || sent <= 1) return undefined;
  const message = outcome.error?.message ?? "";
  const text = message
    .replaceAll(/(\d),(?=\d{3}\b)/g, "$1")
    // Vertex names the first number that is too large.
    .replaceAll(/(\d+) \(exclusive\)/g, (_, digits: string) => String(Number(digits) - 1));
  const numbers = Array.from(text.matchAll(/\d+/g), ([digits]) => Number(digits));
  const own = numbers.lastIndexOf(sent);
  const speaksOfCap = CAP_WORDS.test(text) || CAP_WORDS.test(outcome.error?.param ?? "");
  if (own < 0 && !speaksOfCap) return undefined;
  const others = numbers.filter((number, index) => index !== own && number > 0);
  if (others.length === 0) return Math.floor(sent / 4) || undefined;
  const limit = limitOf(text, others, sent);
  const cap = limit === undefined ? undefined : limit - promptBelow(limit, others, sent);
  return cap !== undefined && cap >= 1 && cap < sent ? cap : undefined;
}

function limitOf(text: string, others: readonly number[], sent: number): number | undefined {
  const named = BEYOND.exec(text)?.[1] ?? LIMIT_WORDS.exec(text)?.[1];
  if (named !== undefined && Number(named) !== sent) return Number(named);
  // The limit is the largest number that is not the sum of prompt and cap.
  const sums = new Set(others.map((number) => number + sent));
  return Math.max(...others.filter((number) => !sums.has(number)));
}

/**
 * Finds the prompt's tokens, which pass the limit only with our cap. Returns 0 if the error does
 * not say them.
 */
function promptBelow(limit: number, others: readonly number[], sent: number): number {
  // An error with prompt and sum names the prompt, which may not fit even alone.
  const summed = others.find((number) => number + sent !== limit && others.includes(number + sent));
  if (summed !== undefined) return summed;
  const prompts = others.filter((number) => number < limit && number + sent > limit);
  // Some errors name only the sum with our cap.
  const total = others.find((number) => number > limit && number > sent && number - sent < limit);
  if (prompts.length === 0 && total !== undefined) return total - sent;
  // If the limit is below our cap, it may be for the answer alone, and no number is a prompt.
  return limit < sent && !prompts.some((number) => number > 1) ? 0 : Math.max(0, ...prompts);
}
