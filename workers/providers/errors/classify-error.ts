import type { FailureReason } from "../../../shared/contracts/outcome.ts";
import { readAccountProblem } from "./account-words.ts";
import type { FailedEnd } from "../call-end.ts";
import type { UpstreamError } from "./upstream-error.ts";
import { readRequestProblem } from "./request-words.ts";

export interface Refusal {
  /** The response's status; undefined for an error inside a 200 body or a stream. */
  readonly status: number | undefined;
  readonly upstreamError: UpstreamError | undefined;
  readonly retryAfterMs: number | undefined;
  /** False: a page or a text, which a proxy may have written; undefined: inside an answer. */
  readonly isJson?: boolean;
}

/** Healthy but full or not ready yet: llama.cpp while loading, Ollama's, vLLM's and TGI's queues. */
const NOT_NOW =
  /\bloading\b|\bstarting up\b|warming up|not (?:yet )?ready|queue is full|\bbusy\b|at capacity|server_is_overloaded|\bslow_down\b|too many (?:requests|concurrent)|no slots? available/i;

/** About to stop: vLLM and SGLang answer so with 500 or 503, while their health says 200. */
const STOPPING = /after shutdown|shutting down|is (?:draining|terminating)/i;
/** A proxy's 500 with nobody behind it: Go's, Envoy's, Ollama's, llama-swap's. */
const NOBODY_BEHIND =
  /connection refused|econnrefused|no (?:healthy|available) (?:upstream|server|backend|worker|instance)|upstream connect error/i;
/** With 500 as well: Ollama, SGLang. */
const SURELY_NOT_NOW =
  /^(?!error|fail|unable|could).{0,40}\bloading (?:the )?model|\bmodel (?:is|was|has been) (?:still |currently )?(?:loading|being loaded)|queue is full|server (?:is )?(?:busy|overloaded)/i;
/** LM Studio's words under a 400, which otherwise may quote a prompt. */
const UNREADY =
  /^(?:the )?model (?:is |was |has been )?(?:still |currently )?(?:loading|being loaded|unloaded)\b/i;
/** An engine's own trouble that LM Studio tells with 400. */
const CRASHED = /\bmodel has crashed|runner process has terminated/i;

/** For errors without any status, as they come inside streams. */
const REASONS_BY_WORD: ReadonlyMap<string, FailureReason> = new Map([
  ["rate_limit_exceeded", "rate_limited"],
  ["rate_limit_error", "rate_limited"],
  ["slow_down", "rate_limited"],
  ["server_is_overloaded", "rate_limited"],
  ["permission_error", "auth"],
]);

/** Tells what an upstream's refusal means. Pure. */
export function classifyError({ status, upstreamError, retryAfterMs, isJson }: Refusal): FailedEnd {
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

/** Gateways wrap a refusal into a 500 and name its own status inside. */
function effectiveStatus(
  status: number | undefined,
  upstreamError: UpstreamError | undefined,
): number | undefined {
  const inner = upstreamError?.status;
  if (status === undefined) return inner;
  const isWrapped = status >= 500 && inner !== undefined && inner < 500;
  return isWrapped ? inner : status;
}

interface Told {
  readonly effective: number | undefined;
  readonly upstreamError: UpstreamError | undefined;
  readonly retryAfterMs: number | undefined;
  readonly isPage: boolean;
}

function reasonOf(told: Told): FailureReason {
  const { effective, upstreamError, retryAfterMs } = told;
  const problem =
    readAccountProblem(effective, upstreamError, retryAfterMs) ??
    readRequestProblem(effective, upstreamError);
  if (problem !== undefined) return problem;
  const message = upstreamError?.message ?? "";
  if (effective === 400 && UNREADY.test(message)) return "rate_limited";
  if (effective === 400 && CRASHED.test(message)) return "server_error";
  if (effective === 500 && SURELY_NOT_NOW.test(message)) return "rate_limited";
  if (effective !== undefined) return reasonOfStatus(effective, told);
  for (const word of [upstreamError?.code, upstreamError?.type]) {
    const reason = REASONS_BY_WORD.get(word?.toLowerCase() ?? "");
    if (reason !== undefined) return reason;
  }
  return "server_error";
}

function reasonOfStatus(status: number, { upstreamError, isPage }: Told): FailureReason {
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
      // Of the way to the engine, not of the request.
      return "server_error";
    case 429:
      return "rate_limited";
    default:
      // Anthropic's 529 and proxies' 502 and 504 say so by themselves.
      if (status >= 500) {
        const words = `${upstreamError?.code} ${upstreamError?.message}`;
        const isState =
          STOPPING.test(words) ||
          (status === 500 && NOBODY_BEHIND.test(words)) ||
          (status === 503 && NOT_NOW.test(words));
        return isState ? "rate_limited" : "server_error";
      }
      // A redirection, which is not followed: the address is not the upstream's.
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
