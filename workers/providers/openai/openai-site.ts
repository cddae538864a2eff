import type { ProviderConfig } from "../../../config/config.ts";
import type { EngineInfo } from "../../engines/engine-info.ts";
import type { ReadLimits } from "../http/read-limits.ts";

/** One upstream that speaks the OpenAI API. */
export interface OpenAiSite {
  readonly config: ProviderConfig;
  readonly limits: ReadLimits;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Returns the engine as far as it is known by now. */
  readonly engine: () => EngineInfo;
}
