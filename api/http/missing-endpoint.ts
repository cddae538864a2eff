import { BrokerError } from "../../shared/errors/broker-error.ts";

const DIRECTLY = "Call a provider that has it directly";
const TURNS = "Keep the conversation with /v1/responses and 'previous_response_id'";

/** Hints for paths of other APIs that are not served here, by the path's beginning. */
const instead: readonly (readonly [RegExp, string])[] = [
  [/^\/v1\/(?:images|videos)(?:\/|$)/, `Images and videos are not brokered. ${DIRECTLY}`],
  [/^\/v1\/(?:audio|realtime)(?:\/|$)/, `Speech and realtime are not brokered. ${DIRECTLY}`],
  [/^\/v1\/moderations(?:\/|$)/, `Moderation is not brokered. ${DIRECTLY}`],
  [/^\/v1\/(?:assistants|threads)(?:\/|$)/, `There are no assistants here. ${TURNS}`],
  [
    /^\/v1\/(?:fine_tuning|evals|containers|vector_stores)(?:\/|$)/,
    "Fine-tuning, evaluations, containers and vector stores are not brokered. " +
      "Retrieval can be built on /v1/embeddings",
  ],
  [/^\/v1\/rerank(?:\/|$)/, `Reranking is not brokered. ${DIRECTLY}`],
  [/^\/v1\/messages(?:\/|$)/, "Anthropic's API is not served. Use /v1/chat/completions"],
  [
    /^\/api\//,
    "Ollama's own API is not served. Use the OpenAI API: its base URL here ends with /v1",
  ],
];

/**
 * Answers a missing path with 404, which no client tries again, and with a message that its user can
 * act on.
 */
export function missingEndpoint(method: string, path: string): BrokerError {
  const what = `${method} ${path.slice(0, 200)}`;
  const [, hint] = instead.find(([pattern]) => pattern.test(path)) ?? [];
  return hint === undefined
    ? new BrokerError(
        "not_found",
        `There is no ${what}. The base URL of this API ends with /v1; /openapi.json has its paths.`,
      )
    : new BrokerError("not_found", `There is no ${what} here. ${hint}.`, {
        wireCode: "unsupported_endpoint",
      });
}
