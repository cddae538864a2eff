/** With these reasons vLLM, SGLang, DeepSeek, Zhipu and gateways give up on an answer. */
const BROKEN = new Set([
  "abort",
  "aborted",
  "cancel",
  "canceled",
  "cancelled",
  "disconnect",
  "error",
  "failed",
  "failure",
  "engine_error",
  "internal_error",
  "internal_server_error",
  "insufficient_system_resource",
  "interrupted",
  "network_error",
  "server_error",
  "timeout",
]);

/** Some engines write these words into every chunk before the last. */
const OPEN = new Set(["", "null", "none", "nil", "undefined", "unfinished", "in_progress"]);

/**
 * Returns `open` if there is no reason yet, and `broken` if the engine gave up. Everything else is
 * `complete`, also a reason that is unknown here; it goes on as it came.
 */
export function judgeFinishReason(reason: unknown): "open" | "complete" | "broken" {
  const word = finishWord(reason);
  if (OPEN.has(word)) return "open";
  return BROKEN.has(word) ? "broken" : "complete";
}

/** Returns a reason as one lower-case word, "" for none. SGLang writes `{"type":"stop"}`. */
export function finishWord(reason: unknown): string {
  if (typeof reason === "string") return reason.trim().toLowerCase();
  if (typeof reason === "object" && reason !== null && "type" in reason)
    return finishWord(reason.type);
  return reason === undefined || reason === null || reason === false ? "" : typeof reason;
}

const CUT_SHORT: ReadonlyMap<string, "max_output_tokens" | "content_filter"> = new Map([
  ["length", "max_output_tokens"],
  ["model_length", "max_output_tokens"],
  ["max_tokens", "max_output_tokens"],
  ["max_output_tokens", "max_output_tokens"],
  ["content_filter", "content_filter"],
  ["prohibited_content", "content_filter"],
  ["safety", "content_filter"],
  ["recitation", "content_filter"],
  ["sensitive", "content_filter"],
]);

/**
 * Says in the words of a response why a complete answer was cut short. Returns undefined if it was
 * not.
 */
export function incompleteReasonOf(reason: unknown) {
  const [word = ""] = finishWord(reason).split(":", 1);
  return CUT_SHORT.get(word.trim());
}
