import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { guardAgainstKill } from "../../support/kill-guard.ts";
import { findRedisProgram } from "../../support/redis-program.ts";
import { startRedisServer } from "../../support/redis-server.ts";

/** A Redis server to break. */
export interface ChaosRedis {
  readonly port: number;
  flush(): Promise<void>;
  /** Kills the server; with `forgets`, its file is removed too. */
  kill(forgets: boolean): Promise<void>;
  /** Starts the server again at the same port. */
  start(): Promise<void>;
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

/** Starts the server found on the PATH, with an append-only file or in memory only. */
export async function startChaosRedis(options: { appendOnly: boolean }): Promise<ChaosRedis> {
  const program = await findRedisProgram(process.env["PATH"] ?? "");
  if (program === undefined)
    throw new Error("there is neither redis-server nor valkey-server on the PATH");
  const directory = await mkdtemp(join(tmpdir(), "spillway-chaos-redis-"));
  const guard = guardAgainstKill({ signal: "KILL", directories: [directory] });
  let server: ChildProcess | undefined;
  let port: number | undefined;
  const start = async (): Promise<number> => {
    const started = await startRedisServer(
      program,
      (chosen) => [
        "--port",
        String(chosen),
        "--dir",
        directory,
        "--save",
        "",
        "--appendonly",
        options.appendOnly ? "yes" : "no",
      ],
      port,
    );
    ({ server, port } = started);
    guard.watch(server.pid);
    return started.port;
  };
  const kill = async (): Promise<void> => {
    if (server?.exitCode !== null || server.signalCode !== null) return;
    const closed = once(server, "close");
    server.kill("SIGKILL");
    await closed;
    guard.watch(undefined);
  };
  const first = await start();
  const looking = new Redis(first, "127.0.0.1", { maxRetriesPerRequest: null });
  looking.on("error", () => undefined); // ioredis tries again by itself.
  return {
    port: first,
    async flush() {
      await looking.flushall();
    },
    async kill(forgets) {
      await kill();
      if (forgets) await rm(join(directory, "appendonlydir"), { recursive: true, force: true });
    },
    async start() {
      await start();
    },
    freeze: () => void server?.kill("SIGSTOP"),
    thaw: () => void server?.kill("SIGCONT"),
    async stop() {
      looking.disconnect();
      await kill();
      await rm(directory, { recursive: true, force: true });
      guard.release();
    },
  };
}
