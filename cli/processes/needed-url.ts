import type { Environment } from "../../config/environment.ts";

const values = {
  DATABASE_URL: (environment: Environment) => environment.databaseUrl,
  REDIS_URL: (environment: Environment) => environment.redisUrl,
} as const;

/** Returns a URL without which a process of a fleet cannot run. Throws an `Error` that names it. */
export function neededUrl(environment: Environment, name: keyof typeof values): string {
  const url = values[name](environment);
  if (url !== undefined) return url;
  throw new Error(`${name} is not set; without it, \`spillway serve\` runs all in one process`);
}
