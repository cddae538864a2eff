import type { Config } from "../../config/config.ts";
import { createEngineClient } from "../../workers/engines/engine-client.ts";
import { detectEngine } from "../../workers/engines/detect-engine.ts";
import { findProblems } from "../../workers/engines/find-problems.ts";
import { providerTargets } from "../../workers/engines/provider-targets.ts";

/** One provider's answers, and where they contradict the configuration. */
export interface OnlineCheck {
  readonly provider: string;
  /** One line: engine, version, slots and models. */
  readonly summary: string;
  readonly problems: readonly string[];
}

const TIMEOUT_MS = 5_000;
const MODELS_SHOWN = 8;

/**
 * Asks every provider of a configuration for its engine and models, with its key, by GET requests
 * that run no inference.
 */
export async function checkOnline({ providers, models }: Config): Promise<OnlineCheck[]> {
  return await Promise.all(
    Array.from(providers, async ([name, config]) => {
      const targets = providerTargets(models, name);
      const client = createEngineClient({ ...config, timeoutMs: TIMEOUT_MS });
      const detected = await detectEngine(
        config,
        client,
        targets.map((target) => target.model),
      );
      const { engine, details, list } = detected;
      if (list.status === 0)
        return {
          provider: name,
          summary: "no answer",
          problems: [`nothing answers at ${config.baseUrl}/models`],
        };
      const known = [
        [engine.name ?? "an engine that is not known", details.version].filter(Boolean).join(" "),
        ...(details.slots === undefined ? [] : [`${details.slots} slots`]),
        ...(detected.models ?? [])
          .slice(0, MODELS_SHOWN)
          .map(({ id, contextLength }) =>
            contextLength === undefined ? id : `${id} (${contextLength} tokens)`,
          ),
      ];
      const isAnswer = list.status < 500;
      return {
        provider: name,
        summary: known.join(", "),
        problems: [
          ...(isAnswer ? [] : [`the model list answers HTTP ${list.status}`]),
          ...findProblems(config, targets, detected).map(({ message }) => message),
        ],
      };
    }),
  );
}
