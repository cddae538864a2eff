import type { LoadGenerator } from "../load/load-generator.ts";
import type { SystemOptions } from "../systems/system.ts";

/** What every part of the benchmark is handed. */
export interface BenchRun extends Pick<SystemOptions, "runDir" | "cacheDir"> {
  readonly generator: LoadGenerator;
  readonly progress: (line: string) => void;
}
