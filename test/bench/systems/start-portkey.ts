import { execFile } from "node:child_process";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { startProgram } from "./start-program.ts";
import { PORTKEY_VERSION, type SystemOptions, type System } from "./system.ts";

const MANIFEST = {
  private: true,
  dependencies: { "@portkey-ai/gateway": PORTKEY_VERSION },
  // With newer versions its streams fail: https://github.com/Portkey-AI/gateway/issues/1389
  overrides: { "@hono/node-server": "1.3.3" },
};

/**
 * Starts the stateless gateway from npm as its makers start it in production. It is fetched once.
 */
export async function startPortkey(options: SystemOptions): Promise<System> {
  const program = await fetchPortkey(join(options.cacheDir, `portkey-${PORTKEY_VERSION}`));
  const port = await freePort();
  const gateway = await startProgram({
    name: "portkey",
    file: process.execPath,
    args: [program, `--port=${port}`, "--headless"],
    logDir: options.runDir,
    ready: /Ready for connections/,
  });
  return {
    name: "portkey",
    baseUrl: `http://127.0.0.1:${port}/v1`,
    headers: {
      authorization: "Bearer sk-bench",
      "x-portkey-provider": "openai",
      "x-portkey-custom-host": `${options.upstreamUrl}/v1`,
    },
    processes: { gateway: gateway.pid },
    databaseUrl: undefined,
    stop: gateway.stop,
  };
}

/** Returns the path of the program. No script of a package runs. */
async function fetchPortkey(directory: string): Promise<string> {
  const program = join(directory, "node_modules/@portkey-ai/gateway/build/start-server.js");
  const complete = join(directory, "complete");
  if (
    await access(complete).then(
      () => true,
      () => false,
    )
  )
    return program;
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "package.json"), JSON.stringify(MANIFEST));
  const install = ["install", "--ignore-scripts", "--no-audit", "--no-fund"];
  await promisify(execFile)("npm", install, {
    cwd: directory,
  }).catch((cause: unknown) => {
    throw new Error(
      `npm could not fetch @portkey-ai/gateway ${PORTKEY_VERSION}; "--only" leaves it out`,
      { cause },
    );
  });
  await writeFile(complete, "");
  return program;
}
