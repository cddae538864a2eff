import type { ProviderConfig } from "../../config/config.ts";
import type { EngineName } from "../../config/engine-name.ts";
import type { EngineInfo } from "./engine-info.ts";
import { infinity } from "./infinity.ts";
import { llamacpp } from "./llamacpp.ts";
import { lmstudio } from "./lmstudio.ts";
import { ollama } from "./ollama.ts";
import { openai, unknownEngine } from "./openai.ts";
import { sglang } from "./sglang.ts";
import { tgi } from "./tgi.ts";
import { vllm } from "./vllm.ts";

/** Engines that are known by name. */
export const knownEngines: Readonly<Record<EngineName, EngineInfo>> = {
  vllm,
  sglang,
  llamacpp,
  ollama,
  lmstudio,
  tgi,
  infinity,
  openai,
};

/** Returns the engine that is assumed before it has been asked. */
export function assumedEngine({
  engine,
  location,
}: Pick<ProviderConfig, "engine" | "location">): EngineInfo {
  if (engine !== undefined) return knownEngines[engine];
  return location === "cloud" ? openai : unknownEngine;
}
