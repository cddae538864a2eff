import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { checkRedisUrl } from "./check-redis-url.ts";
import { findRedis, type RedisSource } from "./find-redis.ts";
import { installRedisPackage } from "./redis-package.ts";
import { findRedisProgram } from "./redis-program.ts";
import { startSharedRedisContainer } from "./shared-redis-container.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The servers for `startTestRedis`. */
    readonly redis: RedisSource;
  }
}

/** Finds Redis for the whole run. The returned function stops it if it was started here. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { REDIS_URL, PATH } = process.env;
  const isRootOnDebian = process.getuid?.() === 0 && existsSync("/etc/debian_version");
  const { stop, ...source } = await findRedis({
    url: REDIS_URL === "" ? undefined : REDIS_URL,
    checkUrl: checkRedisUrl,
    findProgram: () => findRedisProgram(PATH ?? ""),
    startContainer: startSharedRedisContainer,
    installPackage: isRootOnDebian
      ? () => installRedisPackage({ run: runQuietly, policyFile: "/usr/sbin/policy-rc.d" })
      : undefined,
    log: (line) => console.log(line),
  }).catch((error: unknown) => {
    // The message is enough; the place where the error was thrown does not help.
    if (error instanceof Error) error.stack = error.message;
    throw error;
  });
  project.provide("redis", source);
  return stop;
}

async function runQuietly(file: string, args: readonly string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  await promisify(execFile)(file, args, { env }).catch((error: unknown) => {
    const output = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new Error(`${[file, ...args].join(" ")}: ${output.split("\n").at(-1) || String(error)}`);
  });
}
