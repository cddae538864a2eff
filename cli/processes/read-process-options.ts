import { existsSync } from "node:fs";
import { environmentLookup, type Environment } from "../../config/environment.ts";
import { loadConfig } from "../../config/load-config.ts";
import { checkMigrated } from "../../shared/db/check-migrated.ts";
import { errorText } from "../error-text.ts";
import { processLog } from "./process-log.ts";
import { neededUrl } from "./needed-url.ts";
import type { ProcessOptions } from "./process-options.ts";

const DEFAULT_FILE = "spillway.yaml";

/**
 * Reads the options of a process of a fleet from the environment and the configuration file.
 * Rejects with an `Error` that names what is missing, also when the database is not migrated.
 */
export async function readProcessOptions(environment: Environment): Promise<ProcessOptions> {
  const redisUrl = neededUrl(environment, "REDIS_URL");
  const databaseUrl = neededUrl(environment, "DATABASE_URL");
  const file =
    environment.configFile ?? (existsSync(DEFAULT_FILE) ? `./${DEFAULT_FILE}` : undefined);
  if (file === undefined)
    throw new Error("there is no ./spillway.yaml, and SPILLWAY_CONFIG names no other file");
  const config = loadConfig(file, environmentLookup());
  const directUrl = environment.databaseDirectUrl ?? databaseUrl;
  await checkMigrated(directUrl).catch((error: unknown) => {
    const message = errorText(error);
    throw message.includes("spillway migrate")
      ? error
      : new Error(`the database of DATABASE_URL cannot be used: ${message}`, { cause: error });
  });
  return {
    config,
    databaseUrl,
    directUrl,
    redisUrl,
    redisPrefix: environment.redisPrefix,
    log: processLog(environment.logLevel),
  };
}
