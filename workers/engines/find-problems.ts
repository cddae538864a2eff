import type { ProviderConfig } from "../../config/config.ts";
import { readUpstreamError } from "../providers/errors/upstream-error.ts";
import type { EngineAnswer } from "./engine-client.ts";
import type { DetectedEngine } from "./detect-engine.ts";
import type { EngineModel } from "./engine-info.ts";
import { nearestNames } from "./nearest-names.ts";
import type { ProviderProblem } from "./provider-problem.ts";
import type { ProviderTarget } from "./provider-targets.ts";

const NAMES_SHOWN = 5;
const MAX_WORDS = 300;

/** Finds where a provider's configuration contradicts what its engine says. */
export function findProblems(
  provider: Pick<ProviderConfig, "baseUrl" | "slots" | "apiKey" | "location">,
  targets: readonly ProviderTarget[],
  detected: DetectedEngine,
): readonly ProviderProblem[] {
  const { list, lacksVersionPath, details } = detected;
  const problems: ProviderProblem[] = [];
  if (list.status === 401 || list.status === 403)
    problems.push({ code: "key_refused", message: keyRefused(provider.apiKey, list) });
  if (lacksVersionPath)
    problems.push({
      code: "missing_version_path",
      message: `base_url lacks its version path: nothing answers at ${provider.baseUrl}/models, but ${provider.baseUrl}/v1/models does; write ${provider.baseUrl}/v1.`,
    });
  if (details.slots !== undefined && details.slots < provider.slots)
    problems.push({
      code: "too_many_slots",
      message: `slots is ${provider.slots}, but the engine has ${details.slots}: further calls would wait inside it, out of the broker's sight.`,
    });
  for (const target of distinct(targets)) problems.push(...targetProblems(target, detected));
  return problems;
}

function targetProblems(
  { route, kind, model, contextLength }: ProviderTarget,
  { engine, models }: DetectedEngine,
): ProviderProblem[] {
  if (models === undefined || models.length === 0) return [];
  const named = findModel(models, model);
  if (named === undefined && !engine.ignoresModelNames) {
    const names = models.flatMap(({ id, aliases }) => [aliases[0] ?? id]);
    const near = nearestNames(model, names, NAMES_SHOWN).join(", ");
    const more = names.length > NAMES_SHOWN ? `, and ${names.length - NAMES_SHOWN} more` : "";
    return [
      {
        code: "unknown_model",
        message: `Route '${route}' asks for the model '${model}', which the engine does not list. It has: ${near}${more}.`,
      },
    ];
  }
  const known = named ?? models[0];
  const problems: ProviderProblem[] = [];
  const wanted = kind === "embedding" ? "embedding" : "chat";
  if (known?.kind !== undefined && known.kind !== wanted)
    problems.push({
      code: "wrong_kind",
      message: `Route '${route}' is of kind ${kind}, but the engine serves '${model}' for ${known.kind === "chat" ? "generation" : "embeddings"} only.`,
    });
  const has = known?.contextLength;
  if (contextLength !== undefined && has !== undefined && contextLength > has)
    problems.push({
      code: "context_too_long",
      message: `Route '${route}' says context_length ${contextLength} for '${model}', but the engine has ${has}.`,
    });
  return problems;
}

/** Finds the model that an engine means by a name. */
export function findModel(models: readonly EngineModel[], name: string): EngineModel | undefined {
  return models.find(({ id, aliases }) => id === name || aliases.includes(name));
}

function keyRefused(apiKey: string | undefined, list: EngineAnswer): string {
  const words = readUpstreamError(list.json ?? list.text)?.message.slice(0, MAX_WORDS) ?? "";
  const said = words === "" ? `HTTP ${list.status}` : `HTTP ${list.status} "${words}"`;
  const ours = apiKey === undefined ? "there is no api_key" : "api_key is refused";
  const safe = apiKey === undefined ? said : said.replaceAll(apiKey, "[key]");
  return `The model list needs another key: ${ours}; the upstream said ${safe}.`;
}

/** Several routes may use one model in the same way. */
function distinct(targets: readonly ProviderTarget[]): readonly ProviderTarget[] {
  const seen = new Map<string, ProviderTarget>();
  for (const target of targets) {
    const id = JSON.stringify([target.model, target.kind, target.contextLength]);
    if (!seen.has(id)) seen.set(id, target);
  }
  return [...seen.values()];
}
