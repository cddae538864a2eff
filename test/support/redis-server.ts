import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { freePort } from "../../cli/embedded-postgres/free-port.ts";

const PORT_TRIES = 5;

/** Starts a Redis server with these options, on the given port of 127.0.0.1 or on a free one. */
export async function startRedisServer(
  program: string,
  options: (port: number) => readonly string[],
  givenPort?: number,
): Promise<{ readonly server: ChildProcess; readonly port: number }> {
  for (let tries = 1; ; tries++) {
    const port = givenPort ?? (await freePort());
    // The server has its own process group: Ctrl-C ends the tests, and they end the server.
    const server = spawn(program, ["--bind", "127.0.0.1", ...options(port)], {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = await outputUntilReady(server);
    if (output === undefined) return { server, port };
    // Another program took the port first.
    if (/Address already in use/.test(output) && tries < PORT_TRIES) continue;
    throw new Error(`${program} did not start:\n${output.trim()}`);
  }
}

/** Resolves with undefined once the server answers, or with its output when it ends before that. */
async function outputUntilReady(server: ChildProcess): Promise<string | undefined> {
  let output = "";
  const ready = new Promise<undefined>((resolve) => {
    for (const stream of [server.stdout, server.stderr])
      stream?.on("data", (chunk: Buffer) => {
        if (/Ready to accept connections/.test(output)) return; // The output must still be read, so that the server can go on writing.
        output += chunk.toString();
        if (/Ready to accept connections/.test(output)) resolve(undefined);
      });
  });
  const ended = once(server, "close").then(
    () => output,
    (error: unknown) => String(error),
  );
  return await Promise.race([ready, ended]);
}
