import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import type { EngineModel } from "./engine-info.ts";

/**
 * Reads the models of a `/v1/models` answer; undefined for anything else. vLLM and SGLang name the
 * context `max_model_len`, llama.cpp names it `meta.n_ctx`. Only llama.cpp and infinity say more.
 */
export function listedModels(list: JsonObject | undefined): EngineModel[] | undefined {
  const data = list?.["data"];
  if (data === null) return []; // Ollama without a model
  if (!Array.isArray(data)) return undefined;
  return data.flatMap((item: unknown) => {
    const model = asObject(item);
    const id = model?.["id"];
    if (model === undefined || typeof id !== "string") return [];
    const contextLength =
      wholeNumber(model["max_model_len"]) ?? wholeNumber(asObject(model["meta"])?.["n_ctx"]);
    const kind = kindOf(model["capabilities"]);
    return [
      {
        id,
        aliases: strings(model["aliases"]),
        ...(contextLength === undefined ? {} : { contextLength }),
        ...(kind === undefined ? {} : { kind }),
      },
    ];
  });
}

/** Reads the owners of the models in an answer. */
export function modelOwners(list: JsonObject | undefined): string[] {
  const data = list?.["data"];
  if (!Array.isArray(data)) return [];
  return data.flatMap((item: unknown) => {
    const owner = asObject(item)?.["owned_by"];
    return typeof owner === "string" ? [owner] : [];
  });
}

/** Reads a model's kind from the capabilities of llama.cpp, Ollama and infinity. */
export function kindOf(capabilities: unknown): EngineModel["kind"] {
  const words = strings(capabilities);
  if (words.includes("completion") || words.includes("chat")) return "chat";
  const embeds = words.some((word) => word.startsWith("embed"));
  return embeds ? "embedding" : undefined;
}

/** Returns a count above zero, or undefined. */
export function wholeNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
