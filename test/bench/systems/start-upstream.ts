import { fileURLToPath } from "node:url";
import type { SystemOptions, System } from "./system.ts";
import { startProgram } from "./start-program.ts";

const PROGRAM = fileURLToPath(new URL("../load/upstream.ts", import.meta.url));

/** Starts the simulated upstream in its own process, as a system with nothing in front of it. */
export async function startUpstream({
  runDir,
}: Pick<SystemOptions, "runDir">): Promise<System & { readonly url: string }> {
  const upstream = await startProgram({
    name: "upstream",
    file: process.execPath,
    args: [PROGRAM],
    logDir: runDir,
    ready: /runs at (\S+)\s/,
  });
  return {
    name: "upstream",
    url: upstream.readyText,
    baseUrl: `${upstream.readyText}/v1`,
    headers: {},
    processes: { gateway: upstream.pid },
    databaseUrl: undefined,
    stop: upstream.stop,
  };
}
