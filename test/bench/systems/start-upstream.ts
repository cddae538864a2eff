import { fileURLToPath } from "node:url";
import type { SystemOptions, System } from "./system.ts";
import { startProgram } from "./start-program.ts";

const program = fileURLToPath(new URL("../load/upstream.ts", import.meta.url));

/** The simulated upstream, in a process of its own, as a system without anything between. */
export async function startUpstream({
  runDir,
}: Pick<SystemOptions, "runDir">): Promise<System & { readonly url: string }> {
  const upstream = await startProgram({
    name: "upstream",
    file: process.execPath,
    args: [program],
    logDir: runDir,
    ready: /runs at (\S+)\s/,
  });
  return {
    name: "upstream",
    url: upstream.said,
    baseUrl: `${upstream.said}/v1`,
    headers: {},
    processes: { gateway: upstream.pid },
    databaseUrl: undefined,
    stop: upstream.stop,
  };
}
