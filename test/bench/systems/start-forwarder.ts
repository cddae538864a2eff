import { fileURLToPath } from "node:url";
import type { SystemOptions, System } from "./system.ts";
import { startProgram } from "./start-program.ts";

const PROGRAM = fileURLToPath(new URL("./forwarder-process.ts", import.meta.url));

/**
 * Starts the least that a gateway in Node can be: Fastify in front, undici behind, and nothing
 * between.
 */
export async function startForwarder(options: SystemOptions): Promise<System> {
  const forwarder = await startProgram({
    name: "forwarder",
    file: process.execPath,
    args: [PROGRAM, options.upstreamUrl],
    logDir: options.runDir,
    ready: /runs at (\S+)\s/,
  });
  return {
    name: "forwarder",
    baseUrl: `${forwarder.readyText}/v1`,
    headers: {},
    processes: { gateway: forwarder.pid },
    databaseUrl: undefined,
    stop: forwarder.stop,
  };
}
