import { readFileSync } from "node:fs";

/** What the process is told from outside, besides the configuration file. */
export interface Environment {
  /** Undefined: `./spillway.yaml` when it exists, else the demo. */
  readonly configFile: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  readonly adminKey: string | undefined;
  readonly databaseUrl: string | undefined;
  /** For session locks, when `databaseUrl` leads through a pooler. */
  readonly databaseDirectUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly logLevel: string;
}

/**
 * Reads the environment; only this folder does. Every variable can also be given as the path of
 * a file in `<NAME>_FILE`. Throws an `Error` that names the variable.
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const get = (name: string): string | undefined => {
    const file = env[`${name}_FILE`];
    if (file !== undefined && file !== "") {
      if (env[name] !== undefined) throw new Error(`${name} and ${name}_FILE are both set`);
      try {
        return readFileSync(file, "utf8").trim();
      } catch (cause) {
        throw new Error(`${name}_FILE: cannot read ${file}`, { cause });
      }
    }
    const value = env[name];
    return value === "" ? undefined : value;
  };
  const port = Number(get("SPILLWAY_PORT") ?? "4600");
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`SPILLWAY_PORT: ${get("SPILLWAY_PORT")} is not a port`);
  return {
    configFile: get("SPILLWAY_CONFIG"),
    host: get("SPILLWAY_HOST") ?? "127.0.0.1",
    port,
    dataDir: get("SPILLWAY_DATA_DIR") ?? "./.spillway",
    adminKey: get("SPILLWAY_ADMIN_KEY"),
    databaseUrl: get("DATABASE_URL"),
    databaseDirectUrl: get("DATABASE_DIRECT_URL"),
    redisUrl: get("REDIS_URL"),
    logLevel: get("LOG_LEVEL") ?? "info",
  };
}
