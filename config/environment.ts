import { readFileSync } from "node:fs";

/** The settings of the process outside the configuration file. */
export interface Environment {
  /** Undefined means `./spillway.yaml` when it exists, or else the demo. */
  readonly configFile: string | undefined;
  readonly host: string;
  /** Undefined means the command's own default. */
  readonly port: number | undefined;
  readonly dataDir: string;
  readonly adminKey: string | undefined;
  readonly databaseUrl: string | undefined;
  /** A direct URL for session locks, when `databaseUrl` leads through a pooler. */
  readonly databaseDirectUrl: string | undefined;
  readonly redisUrl: string | undefined;
  /** The prefix of all keys in Redis. */
  readonly redisPrefix: string;
  readonly logLevel: string;
}

/**
 * Returns the value of a named setting, or undefined when it is not set. May throw for a bad secret
 * file.
 */
export type Lookup = (name: string) => string | undefined;

/**
 * Looks settings up by name, and also as the path of a file in `<NAME>_FILE`; an empty value counts
 * as not set. The lookup throws an `Error` that names the variable when a file is empty or cannot
 * be read, and when both forms are set at once.
 */
export function environmentLookup(env: NodeJS.ProcessEnv = process.env): Lookup {
  const nonEmpty = (name: string): string | undefined => env[name] || undefined;
  return (name) => {
    const value = nonEmpty(name);
    const file = nonEmpty(`${name}_FILE`);
    if (file === undefined) return value;
    if (value !== undefined) throw new Error(`${name} and ${name}_FILE are both set`);
    const secret = readSecret(name, file);
    if (secret === "") throw new Error(`${name}_FILE: ${file} is empty`);
    return secret;
  };
}

function readSecret(name: string, file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new Error(`${name}_FILE: cannot read ${file}`, { cause });
  }
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
const POSTGRES_URL = { begins: /^postgres(ql)?:\/\//, example: "postgres://user@host/database" };
const REDIS_URL = { begins: /^rediss?:\/\//, example: "redis://host:6379" };

/** The value may contain a password, so the message does not repeat it. */
function urlOf(
  get: Lookup,
  name: string,
  kind: { readonly begins: RegExp; readonly example: string },
): string | undefined {
  const value = get(name);
  if (value === undefined || kind.begins.test(value)) return value;
  throw new Error(`${name}: is not a URL like ${kind.example}`);
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^[0-9]+$/.test(text) || port > 65_535)
    throw new Error(`SPILLWAY_PORT: ${text} is not a port`);
  return port;
}

/**
 * Reads the prefix, which becomes a part of BullMQ's and our key names, between braces and before
 * colons.
 */
function readPrefix(prefix: string): string {
  if (/^[A-Za-z0-9._-]{1,64}$/.test(prefix)) return prefix;
  throw new Error(
    "SPILLWAY_REDIS_PREFIX: has 1 to 64 letters, digits, dots, underscores or hyphens",
  );
}

/**
 * Reads the environment; only this folder does so. Every variable can also be set as the path of a
 * file in `<NAME>_FILE`. Throws an `Error` that names the variable.
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const get = environmentLookup(env);
  const logLevel = get("LOG_LEVEL") ?? "info";
  if (!LOG_LEVELS.includes(logLevel))
    throw new Error(`LOG_LEVEL: ${logLevel} is none of ${LOG_LEVELS.join(", ")}`);
  return {
    configFile: get("SPILLWAY_CONFIG"),
    host: get("SPILLWAY_HOST") ?? "127.0.0.1",
    port: readPort(get("SPILLWAY_PORT")),
    dataDir: get("SPILLWAY_DATA_DIR") ?? "./.spillway",
    adminKey: get("SPILLWAY_ADMIN_KEY"),
    databaseUrl: urlOf(get, "DATABASE_URL", POSTGRES_URL),
    databaseDirectUrl: urlOf(get, "DATABASE_DIRECT_URL", POSTGRES_URL),
    redisUrl: urlOf(get, "REDIS_URL", REDIS_URL),
    redisPrefix: readPrefix(get("SPILLWAY_REDIS_PREFIX") ?? "spillway"),
    logLevel,
  };
}
