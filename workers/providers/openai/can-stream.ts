import { asObject } from "../../../shared/json/json-object.ts";
import type { ProviderCall } from "../provider.ts";

/**
 * Tells whether a call can go out as a stream although its caller waits for a whole answer. It
 * cannot where the answer would differ or engines refuse: for spoken answers, for completions
 * chosen among more than are returned, and for the prompt's own log probabilities (vLLM).
 */
export function canStream({ endpoint, body }: Pick<ProviderCall, "endpoint" | "body">): boolean {
  if (endpoint === "embeddings") return false;
  if (!/"(?:audio|best_of|modalities|prompt_logprobs|use_beam_search)"/.test(body)) return true;
  const fields = asObject(JSON.parse(body)) ?? {};
  const { modalities, n, best_of: bestOf } = fields;
  const speaks =
    fields["audio"] != null || (Array.isArray(modalities) && modalities.includes("audio"));
  const chooses = typeof bestOf === "number" && bestOf > (typeof n === "number" ? n : 1);
  return (
    !speaks && !chooses && fields["prompt_logprobs"] == null && fields["use_beam_search"] !== true
  );
}
