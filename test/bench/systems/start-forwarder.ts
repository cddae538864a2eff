import { fileURLToPath } from "node:url";
import type { SystemOptions, System } from "./system.ts";
import { startProgram } from "./start-program.ts";

const program = fileURLToPath(new URL("./forwarder-process.ts", import.meta.url));

/** The least that a gateway in Node can do: Fastify in front, undici behind, nothing between. */
export async function startForwarder(options: SystemOptions): Promise<System> {
  const forwarder = await startProgram({
    name: "forwarder",
    file: process.execPath,
    args: [program, options.upstreamUrl],
    logDir: options.runDir,
    ready: /runs at (\S+)\s/,
  });
  return {
    name: "forwarder",
    baseUrl: `${forwarder.said}/v1`,
    headers: {},
    processes: { gateway: forwarder.pid },
    databaseUrl: undefined,
    stop: forwarder.stop,
  };
}
