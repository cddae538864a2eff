import type { FailureReason } from "../../../shared/contracts/failure-reason.ts";
import { readAccountProblem } from "./account-words.ts";
import type { FailedEnd } from "../call-end.ts";
import type { UpstreamErrorDetails } from "./upstream-error.ts";
import { readRequestProblem } from "./request-words.ts";

/** An error of an upstream as it was read. */
export interface ReceivedError {
  /** The response's status; undefined if the error came inside a 200 body or a stream. */
  readonly status: number | undefined;
  readonly upstreamError: UpstreamErrorDetails | undefined;
  readonly retryAfterMs: number | undefined;
  /**
   * Tells whether the body is JSON. If not, it is a page or a text, which a proxy may have written.
   * Undefined if the error came in an answer.
   */
  readonly isJson?: boolean;
}

/**
 * The engine is healthy, but full or not ready: llama.cpp loads, or a queue of Ollama or vLLM is
 * full.
 */
const NOT_NOW =
  /\bloading\b|\bstarting up\b|warming up|not (?:yet )?ready|queue is full|\bbusy\b|at capacity|server_is_overloaded|\bslow_down\b|too many (?:requests|concurrent)|no slots? available/i;

/**
 * vLLM and SGLang write these words with 500 or 503 before they stop, while their health check says
 * 200.
 */
const STOPPING = /after shutdown|shutting down|is (?:draining|terminating)/i;
/**
 * Go, Envoy, Ollama and llama-swap write these words with 500 when no engine answers behind them.
 */
const NOBODY_BEHIND =
  /connection refused|econnrefused|no (?:healthy|available) (?:upstream|server|backend|worker|instance)|upstream connect error/i;
/** Ollama and SGLang write these words with 500 as well. */
const SURELY_NOT_NOW =
  /^(?!error|fail|unable|could).{0,40}\bloading (?:the )?model|\bmodel (?:is|was|has been) (?:still |currently )?(?:loading|being loaded)|queue is full|server (?:is )?(?:busy|overloaded)/i;
/** LM Studio writes these words with 400. Other words of a 400 may quote a prompt. */
const UNREADY =
  /^(?:the )?model (?:is |was |has been )?(?:still |currently )?(?:loading|being loaded|unloaded)\b/i;
/** LM Studio writes these words with 400 when the engine itself failed. */
const CRASHED = /\bmodel has crashed|runner process has terminated/i;

/** Errors inside streams have no status, only such words. */
const REASONS_BY_WORD: ReadonlyMap<string, FailureReason> = new Map([
  ["rate_limit_exceeded", "rate_limited"],
  ["rate_limit_error", "rate_limited"],
  ["slow_down", "rate_limited"],
  ["server_is_overloaded", "rate_limited"],
  ["permission_error", "auth"],
]);

/** Says what an upstream's error means. The function is pure. */
export function classifyError({
  status,
  upstreamError,
  retryAfterMs,
  isJson,
}: ReceivedError): FailedEnd {
  const effective = effectiveStatus(status, upstreamError);
  const { message, code, type, param } = upstreamError ?? {};
  return {
    kind: "failed",
    reason: reasonOf({ effective, upstreamError, retryAfterMs, isPage: isJson === false }),
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

/** Gateways wrap an error into a 500 and name its own status inside. */
function effectiveStatus(
  status: number | undefined,
  upstreamError: UpstreamErrorDetails | undefined,
): number | undefined {
  const inner = upstreamError?.status;
  if (status === undefined) return inner;
  const isWrapped = status >= 500 && inner !== undefined && inner < 500;
  return isWrapped ? inner : status;
}

interface ErrorSigns {
  readonly effective: number | undefined;
  readonly upstreamError: UpstreamErrorDetails | undefined;
  readonly retryAfterMs: number | undefined;
  readonly isPage: boolean;
}

function reasonOf(signs: ErrorSigns): FailureReason {
  const { effective, upstreamError, retryAfterMs } = signs;
  const problem =
    readAccountProblem(effective, upstreamError, retryAfterMs) ??
    readRequestProblem(effective, upstreamError);
  if (problem !== undefined) return problem;
  const message = upstreamError?.message ?? "";
  if (effective === 400 && UNREADY.test(message)) return "rate_limited";
  if (effective === 400 && CRASHED.test(message)) return "server_error";
  if (effective === 500 && SURELY_NOT_NOW.test(message)) return "rate_limited";
  if (effective !== undefined) return reasonOfStatus(effective, signs);
  for (const word of [upstreamError?.code, upstreamError?.type]) {
    const reason = REASONS_BY_WORD.get(word?.toLowerCase() ?? "");
    if (reason !== undefined) return reason;
  }
  return "server_error";
}

function reasonOfStatus(status: number, { upstreamError, isPage }: ErrorSigns): FailureReason {
  switch (status) {
    case 404:
    case 405:
    case 410:
      return "not_found";
    case 408:
      return "request_timeout";
    case 409:
      return "conflict";
    case 413:
      return "unsupported";
    case 407:
    case 421:
    case 424:
    case 425:
    case 498: // Groq's flex tier is full.
    case 499:
      // The way to the engine failed, not the request.
      return "server_error";
    case 429:
      return "rate_limited";
    default:
      // Anthropic's 529 and a proxy's 502 and 504 need no words.
      if (status >= 500) {
        const words = `${upstreamError?.code} ${upstreamError?.message}`;
        const isState =
          STOPPING.test(words) ||
          (status === 500 && NOBODY_BEHIND.test(words)) ||
          (status === 503 && NOT_NOW.test(words));
        return isState ? "rate_limited" : "server_error";
      }
      // A redirection is not followed: the configured address is not the upstream's.
      if (status < 400) return "not_found";
      // A proxy before one target says nothing of the others.
      return isPage ? "unsupported" : "bad_request";
  }
}

/** Names the code only when it looks like one: messages may quote the prompt. */
function describe(status: number | undefined, effective: number | undefined, code?: string) {
  const where = status === undefined ? "error inside the answer" : "answered HTTP";
  const named = code !== undefined && /^[\w.-]{1,64}$/.test(code) ? code : undefined;
  return [where, effective, named].filter((part) => part !== undefined).join(" ");
}
