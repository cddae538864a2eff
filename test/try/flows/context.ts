import type { RealEngine } from "../engines/engine.ts";
import type { TryBroker } from "../run/broker.ts";
import type { Caller } from "../run/caller.ts";

/** The arguments of an engine's flows. */
export interface EngineContext {
  readonly engine: RealEngine;
  readonly broker: TryBroker;
  readonly caller: Caller;
}

/** The names of the broker's models, by what is special about them. */
export const MODELS = {
  chat: "tiny",
  embeddings: "tiny-embed",
  wrongName: "wrong-name",
  wrongKey: "wrong-key",
  withoutVersionPath: "without-version-path",
} as const;

/** Makes a chat request whose answer runs to its cap. */
export function chatOf(
  engine: RealEngine,
  maxTokens: number,
  extra: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    model: MODELS.chat,
    messages: [{ role: "user", content: "Say something about rivers." }],
    max_tokens: maxTokens,
    ...engine.untilCap,
    ...extra,
  };
}
