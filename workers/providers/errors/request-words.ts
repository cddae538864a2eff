import type { FailureReason } from "../../../shared/contracts/failure-reason.ts";
import type { UpstreamErrorDetails } from "./upstream-error.ts";

const OVERFLOW_CODES = new Set([
  "context_length_exceeded",
  "exceed_context_size_error",
  "context_window_exceeded",
  "model_max_prompt_tokens_exceeded",
  "tokens_limit_reached",
  "max_tokens_per_request",
]);
/** OpenAI writes this code for any text that is too long, also a name or a user's id. */
const LONG_TEXT = "string_above_max_length";
const PROMPT_PARAMS = /^(?:messages\b(?!.*name)|input|prompt\b)/;

/**
 * Words of vLLM, SGLang, llama.cpp, TGI, TensorRT-LLM, LMDeploy, Anthropic, Bedrock, Gemini and
 * more are matched here.
 */
const OVERFLOW_PHRASES =
  /context[ _-]?(?:length|window|size|limit)|max context|maximum (?:model|context|sequence|input|prompt)(?: sequence)? length|max_(?:model_len|seq_len|input_len|num_tokens)|session[ _]len|cache_size|do(?:es)? not fit.{0,40}\bcontext\b|(?:prompt|input|messages|conversation) (?:is |are |was )?too (?:long|large)|too many (?:input |total )?tokens|too many total text bytes|(?:longer|larger|greater) than the model.{0,20}context|exceeds? the (?:maximum|available|model'?s) (?:number of tokens|context|input|allowed)|`?inputs`? (?:tokens \+|must have less)|input token count|\btokens?\) is too large to process|(?:model |max(?:imum)? )?token limit|reduce the length of the (?:messages|prompt|input)|number of tokens in the batch|expected maxlength: \d+, actual|range of input length|length of messages|超长/i;
/** Matches by the order of the words: what was sent, that it is more, and tokens or a length as limit. */
const TOO_LONG =
  /\b(?:prompt|input(?! should)|inputs|messages|text|sequence|tokens?)\b.{0,60}\b(?:exceed(?:s|ed)?|(?:longer|larger|greater|more) than|over|max\b).{0,60}(?:tokens?\b|length|limit|\d{3,})/i;
/** An engine may also find these things too large or too many. */
const OTHER_LIMITS =
  /\b(?:images?|audios?|videos?|files?|tools?|functions?|stop|choices|logprobs|top_logprobs|schema|names?|metadata|user|temperature)\b/i;
/** Only these count with 500, where an engine's own failure may speak of its context. */
const CERTAIN_OVERFLOW =
  /\btokens?\) is too large to process|exceeds? the available context|input is too (?:long|large)|prompt is too long|longer than the model.{0,20}context|exceeds? (?:the |max(?:imum)? )?context (?:length|window)|exceeds? cache_size|sum of prompt length/i;

/**
 * llama.cpp, Ollama, vLLM, SGLang and TGI write these words with 500 when the request is at fault.
 */
const BAD_REQUEST_PHRASES =
  /invalid (?:json[ _-]?)?schema|json schema|\bgrammar\b|\[json\.exception\.|parse error at line|invalid (?:json|request|argument|value|type|image|role|message|character|base64|format|tool)|illegal base64|failed to (?:parse|decode|load) (?:the )?(?:request|json|tool|image|audio|grammar|messages?|template|input)|(?:jinja|template) (?:exception|error)|roles must alternate|only .{0,40}roles are supported|validation error|cannot unmarshal|unexpected role|must be (?:a|an|one of|between|less|greater|at least|positive|non-negative|set)\b|unrecognized (?:schema|field|request)|unknown (?:field|role|tool|type)|missing required|is required\b/i;

/** These words name things that this target cannot do, whatever the status. */
const INCAPABLE_PHRASES =
  /does(?: not|n't) support|do(?:es)? not (?:accept|handle)|not supported|unsupported|not a multimodal|at most \d+ (?:image|audio|video)|requires? .{0,40}--[a-z]|--(?:enable-auto-tool-choice|tool-call-parser|mmproj|jinja|embeddings?)|is not (?:enabled|implemented)|mmproj|missing data required for/i;
/** OpenRouter writes these words with 404; its 404 for a model has other words. */
const NOBODY_ABLE = /^no endpoints? (?:found|available) that (?:supports?|can handle)\b/i;
const TOO_MANY_CHOICES =
  /\bfield 'n'|\bn must be|\bn=\d+|`n`|number of (?:choices|completions|sequences)|best_of/i;
/**
 * OpenAI and Groq write these words for one request beyond a limit per minute, which never passes.
 */
const TOO_LARGE_FOR_LIMIT = /request too large|(?:tokens|request) must be reduced/i;
/** llama.cpp's router, LM Studio, LiteLLM, Groq, OpenRouter and Vertex write these words. */
const UNKNOWN_MODEL =
  /^(?:the |publisher |requested )*model\b.{0,200}\b(?:not found|does not exist|not exist|is not available|not loaded|decommissioned|deprecated|retired)|^no models? (?:is |are )?(?:currently )?loaded|not a valid model|work with the specified model|(?:could not|failed to|unable to|error) load(?:ing)? model|requires more (?:\w+ )?memory|no such model|unknown model|invalid model(?: name| id|\b)|model .{0,200}try pulling it/i;
const UNKNOWN_MODEL_CODES = new Set(["model_not_found", "not_found_error", "notfounderror"]);

/** A failed response with one of these codes had a faulty request. */
const BAD_REQUEST_CODES =
  /^(?:invalid_request_error|invalid_request|badrequesterror|bad request|invalid_prompt|bio_policy|unprocessableentity\w*|validation_error|invalid_argument)$|image/i;

/**
 * Finds out whether an error is about the request or about what this target can do; returns
 * undefined if it is not. The status alone does not say it: engines answer 500 to a bad schema and
 * 400 to a model that they do not know. `status` is undefined when the error came inside an answer.
 */
export function readRequestProblem(
  status: number | undefined,
  upstreamError: UpstreamErrorDetails | undefined,
): FailureReason | undefined {
  const words = [upstreamError?.code, upstreamError?.type].map((word) => word?.toLowerCase() ?? "");
  const message = upstreamError?.message ?? "";
  const isRejection = status === undefined || status === 400 || status === 413 || status === 422;
  const isFailure = status === 500;
  if (isRejection || isFailure) {
    const isLong = isFailure
      ? CERTAIN_OVERFLOW.test(message)
      : OVERFLOW_PHRASES.test(message) || (TOO_LONG.test(message) && !OTHER_LIMITS.test(message));
    const isLongText =
      words.includes(LONG_TEXT) && PROMPT_PARAMS.test(upstreamError?.param ?? "input");
    if (isLong || isLongText || words.some((word) => OVERFLOW_CODES.has(word)))
      return "context_overflow";
  }
  if ((status === 413 || status === 429) && TOO_LARGE_FOR_LIMIT.test(message)) return "unsupported";
  if (status === 404 && NOBODY_ABLE.test(message)) return "unsupported";
  if (status === 501) return "not_found";
  if (!isRejection && !isFailure) return undefined;
  if (UNKNOWN_MODEL.test(message) || words.some((word) => UNKNOWN_MODEL_CODES.has(word)))
    return "not_found";
  if (INCAPABLE_PHRASES.test(message)) return "unsupported";
  if (status === 400 && TOO_MANY_CHOICES.test(`${upstreamError?.param ?? ""} ${message}`))
    return "unsupported";
  if (status === 400 && upstreamError?.param === "n") return "unsupported";
  if (words.some((word) => BAD_REQUEST_CODES.test(word))) return "bad_request";
  return isFailure && BAD_REQUEST_PHRASES.test(message) ? "bad_request" : undefined;
}
