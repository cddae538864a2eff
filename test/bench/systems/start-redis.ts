import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { runToEnd } from "./run-to-end.ts";
import { type Program, startProgram } from "./start-program.ts";

const SERVERS = ["redis-server", "valkey-server"];

/** Finds the first server on the PATH and its version line; undefined when there is none. */
export async function findRedis(): Promise<
  { readonly file: string; readonly version: string } | undefined
> {
  for (const file of SERVERS) {
    const version = await runToEnd(file, ["--version"]).catch(() => undefined);
    if (version !== undefined) return { file, version: version.trim() };
  }
  return undefined;
}

/**
 * Starts a Redis on a free port that keeps its data as the deployment's does: append-only, no
 * eviction.
 */
export async function startRedis(
  runDir: string,
  name: string,
): Promise<Program & { readonly url: string }> {
  const found = await findRedis();
  if (found === undefined)
    throw new Error(`neither ${SERVERS.join(" nor ")} is on the PATH; "--only" leaves split out`);
  const dir = join(runDir, `${name}-redis`);
  await mkdir(dir);
  const port = await freePort();
  const options = ["--bind", "127.0.0.1", "--port", String(port), "--dir", dir, "--save", ""];
  options.push("--appendonly", "yes", "--maxmemory-policy", "noeviction");
  const redis = await startProgram({
    name: `${name}-redis`,
    file: found.file,
    args: options,
    logDir: runDir,
    ready: /Ready to accept connections/,
  });
  return { ...redis, url: `redis://127.0.0.1:${port}` };
}
