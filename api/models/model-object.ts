import type { RouteConfig, TargetConfig } from "../../config/config.ts";

/** A model as OpenAI lists it, with more fields that users and programs need. */
export interface Model {
  readonly id: string;
  readonly object: "model";
  /** The time in Unix seconds. */
  readonly created: number;
  readonly owned_by: "spillway";
  readonly kind: RouteConfig["kind"];
  /** The endpoints that take the model, named as in Mistral's list. */
  readonly capabilities: {
    readonly chat_completions: boolean;
    readonly completions: boolean;
    readonly responses: boolean;
    readonly embeddings: boolean;
  };
  /** Tokens of prompt and answer together that fit every `serve` target; null when it is unknown. */
  readonly context_length: number | null;
  /** The largest output cap; null for embeddings. */
  readonly max_output_tokens: number | null;
}

/**
 * Shows what a route's model is for, so that no program takes an embedding model for a chat model.
 * `contextOf` returns a target's context length, from the configuration or from its engine.
 */
export function modelObject(
  route: RouteConfig,
  startedAt: Date,
  contextOf: (target: TargetConfig) => number | undefined,
): Model {
  const { name, kind, serve, maxOutputTokens } = route;
  const isChat = kind === "chat";
  const isEmbedding = kind === "embedding";
  const lengths = serve.map((target) => contextOf(target) ?? Number.POSITIVE_INFINITY);
  const shortest = Math.min(...lengths);
  return {
    id: name,
    object: "model",
    created: Math.floor(startedAt.getTime() / 1_000),
    owned_by: "spillway",
    kind,
    capabilities: {
      chat_completions: isChat,
      completions: !isEmbedding,
      responses: isChat,
      embeddings: isEmbedding,
    },
    context_length: lengths.every(Number.isFinite) ? shortest : null,
    max_output_tokens: isEmbedding ? null : maxOutputTokens,
  };
}
