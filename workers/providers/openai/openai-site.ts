import type { ProviderConfig } from "../../../config/config.ts";
import type { EngineInfo } from "../../engines/engine-info.ts";
import type { ReadLimits } from "../http/read-limits.ts";

/** One upstream of the OpenAI API: all that decides how it is asked. */
export interface OpenAiSite {
  readonly config: ProviderConfig;
  readonly limits: ReadLimits;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** What is known of the engine by now. */
  readonly engine: () => EngineInfo;
}
