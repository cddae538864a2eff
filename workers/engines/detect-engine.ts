import type { ProviderConfig } from "../../config/config.ts";
import type { EngineAnswer, EngineClient } from "./engine-client.ts";
import type { EngineDetails, EngineInfo, EngineModel } from "./engine-info.ts";
import { assumedEngine, knownEngines } from "./known-engines.ts";
import { listedModels, modelOwners } from "./listed-models.ts";

export interface DetectedEngine {
  readonly engine: EngineInfo;
  readonly details: EngineDetails;
  /** The engine's models; undefined if it gave no model list. */
  readonly models: readonly EngineModel[] | undefined;
  /** The answer to `{base_url}/models`. */
  readonly list: EngineAnswer;
  /** Only `{base_url}/v1/models` is there: the configured URL lacks its version path. */
  readonly lacksVersionPath: boolean;
}

/**
 * Finds out which engine serves at a provider and which models it has, by GETs (and Ollama's
 * `/api/show`, which runs nothing). It believes the configuration when that names an engine.
 * `wanted` has the model names that routes use.
 */
export async function detectEngine(
  config: Pick<ProviderConfig, "engine" | "location" | "baseUrl">,
  client: EngineClient,
  wanted: readonly string[],
): Promise<DetectedEngine> {
  const list = await client.getBelowBase("/models");
  const own = list.status === 200 ? listedModels(list.json) : undefined;
  const elsewhere =
    own === undefined ? await listBelowVersion(config.baseUrl, list, client) : undefined;
  const listed = own ?? listedModels(elsewhere?.json);
  const engine = await recognise(config, elsewhere ?? list, client);
  const details =
    list.status === 0 ? {} : ((await engine.describe?.(client, listed ?? [], wanted)) ?? {});
  return {
    engine,
    details,
    // A list that nobody gave is not the same as an empty one.
    models: details.models?.length === 0 ? listed : (details.models ?? listed),
    list,
    lacksVersionPath: elsewhere !== undefined,
  };
}

/** Finds the list below `/v1`, if the base URL has no version path and no list. */
async function listBelowVersion(
  baseUrl: string,
  list: EngineAnswer,
  client: EngineClient,
): Promise<EngineAnswer | undefined> {
  if (list.status === 0 || /\/v\d+\w*\/*$/.test(new URL(baseUrl).pathname)) return undefined;
  const below = await client.getBelowBase("/v1/models");
  const isThere = listedModels(below.json) !== undefined || below.status === 401;
  return isThere ? below : undefined;
}

async function recognise(
  config: Pick<ProviderConfig, "engine" | "location">,
  list: EngineAnswer,
  client: EngineClient,
): Promise<EngineInfo> {
  const assumed = assumedEngine(config);
  if (assumed.name !== null || list.status === 0) return assumed;
  if (list.server === "llama.cpp") return knownEngines.llamacpp;
  const known = Object.values(knownEngines);
  const owners = modelOwners(list.json);
  const byOwner = known.find((engine) => engine.owners.some((owner) => owners.includes(owner)));
  if (byOwner !== undefined) return byOwner;
  // vLLM keeps its model list behind its key, and answers with a text.
  if (list.status === 401 && list.json?.["error"] === "Unauthorized") return knownEngines.vllm;
  const signs = await Promise.all(
    known.map(async (engine) => {
      if (engine.signature === undefined) return undefined;
      const { status, json } = await client.get(engine.signature.path);
      return status === 200 && json?.[engine.signature.field] !== undefined ? engine : undefined;
    }),
  );
  return signs.find((engine) => engine !== undefined) ?? assumed;
}
