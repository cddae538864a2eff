import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Config } from "../../config/config.ts";
import type { Environment, Lookup } from "../../config/environment.ts";
import { loadConfig } from "../../config/load-config.ts";
import { startDemoUpstreams } from "./demo-upstreams.ts";

export interface ServeConfig {
  readonly config: Config;
  /** The name, for people, of the file that was read. */
  readonly source: string;
  readonly demo: boolean;
  /** Stops the servers that the demo started. */
  close(): Promise<void>;
}

const DEFAULT_FILE = "spillway.yaml";

/** Reads the file of `SPILLWAY_CONFIG`, else `./spillway.yaml`, else starts and reads the demo. */
export async function loadServeConfig(
  environment: Environment,
  lookup: Lookup,
): Promise<ServeConfig> {
  const file =
    environment.configFile ?? (existsSync(DEFAULT_FILE) ? `./${DEFAULT_FILE}` : undefined);
  if (file !== undefined)
    return {
      config: loadConfig(file, lookup),
      source: file,
      demo: false,
      close: () => Promise.resolve(),
    };
  const upstreams = await startDemoUpstreams(lookup);
  try {
    const demoFile = fileURLToPath(new URL("../../config/demo.yaml", import.meta.url));
    return {
      config: loadConfig(demoFile, upstreams.lookup),
      source: "the demo, config/demo.yaml; ./spillway.yaml would come first",
      demo: true,
      close: () => upstreams.close(),
    };
  } catch (error) {
    await upstreams.close();
    throw error;
  }
}
