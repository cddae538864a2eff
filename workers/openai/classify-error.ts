import type { FailureReason } from "../../shared/contracts/outcome.ts";
import type { FailedEnd } from "./call-stopped.ts";
import type { Complaint } from "./complaint.ts";

export interface Refusal {
  /** The response's status; undefined for an error inside a 200 body or a stream. */
  readonly status: number | undefined;
  readonly complaint: Complaint | undefined;
  readonly retryAfterMs: number | undefined;
}

const quotaWords = new Set([
  "insufficient_quota",
  "credit_balance_exhausted",
  "organization_spend_limit_exceeded",
  "project_spend_limit_exceeded",
  "organization_usage_limit_exceeded",
  "enforced_spend_limit_reached",
  "billing_hard_limit_reached",
]);

const overflowWords = new Set(["context_length_exceeded", "exceed_context_size_error"]);

/** vLLM, SGLang, llama.cpp, TensorRT-LLM, Anthropic and Gemini, in this order of phrases. */
const overflowPhrases =
  /context (?:length|window|size)|maximum model length|prompt is too long|exceeds the maximum number of tokens allowed/i;

/** Healthy but full: llama.cpp while loading, Ollama's and TGI's full queues, OpenAI's overload. */
const fullPhrases = /\bloading\b|queue is full|\bbusy\b|server_is_overloaded|\bslow_down\b/i;

/** For errors without any status, as they come inside streams. */
const reasonsByWord: ReadonlyMap<string, FailureReason> = new Map([
  ["rate_limit_exceeded", "rate_limited"],
  ["rate_limit_error", "rate_limited"],
  ["slow_down", "rate_limited"],
  ["server_is_overloaded", "rate_limited"],
  ["invalid_api_key", "auth"],
  ["authentication_error", "auth"],
  ["permission_error", "auth"],
  ["model_not_found", "not_found"],
  ["not_found_error", "not_found"],
  ["notfounderror", "not_found"],
  ["invalid_request_error", "bad_request"],
  ["badrequesterror", "bad_request"],
]);

/** Codes of a failed response that say that its request was at fault. */
const faultyRequest = /^invalid_prompt$|^bio_policy$|image/;

/** What an upstream's refusal means; reliability.md's error map as one pure function. */
export function classifyError({ status, complaint, retryAfterMs }: Refusal): FailedEnd {
  const effective = status ?? complaint?.status;
  const { message, code, type, param } = complaint ?? {};
  return {
    kind: "failed",
    reason: reasonOf(status, effective, complaint),
    ...(effective === undefined ? {} : { status: effective }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(message === undefined || message === ""
      ? {}
      : {
          error: {
            message,
            ...(code === undefined ? {} : { code }),
            ...(param === undefined ? {} : { param }),
          },
        }),
    detail: describe(status, effective, code ?? type),
  };
}

function reasonOf(
  status: number | undefined,
  effective: number | undefined,
  complaint: Complaint | undefined,
): FailureReason {
  const words = [complaint?.code, complaint?.type].filter((word) => word !== undefined);
  if (words.some((word) => quotaWords.has(word))) return "quota_exhausted";
  const mayOverflow = status === undefined || status === 400 || status === 413 || status === 422;
  if (mayOverflow && saysOverflow(words, complaint?.message ?? "")) return "context_overflow";
  if (effective !== undefined) return reasonOfStatus(effective, complaint);
  for (const word of words) {
    const reason = reasonsByWord.get(word.toLowerCase());
    if (reason !== undefined) return reason;
    if (faultyRequest.test(word)) return "bad_request";
  }
  return "server_error";
}

function saysOverflow(words: readonly string[], message: string): boolean {
  return words.some((word) => overflowWords.has(word)) || overflowPhrases.test(message);
}

function reasonOfStatus(status: number, complaint: Complaint | undefined): FailureReason {
  if (status === 401 || status === 403) return "auth";
  if (status === 402) return "quota_exhausted";
  if (status === 404) return "not_found";
  if (status === 408) return "request_timeout";
  if (status === 409) return "conflict";
  if (status === 429) return "rate_limited";
  if (status === 503 && fullPhrases.test(`${complaint?.code} ${complaint?.message}`)) {
    return "rate_limited";
  }
  if (status >= 500) return "server_error";
  return status >= 400 ? "bad_request" : "malformed";
}

/** Names the code only when it looks like one: messages may quote the prompt. */
function describe(status: number | undefined, effective: number | undefined, code?: string) {
  const where = status === undefined ? "error inside the answer" : "answered HTTP";
  const named = code !== undefined && /^[\w.-]{1,64}$/.test(code) ? code : undefined;
  return [where, effective, named].filter((part) => part !== undefined).join(" ");
}
