import { type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { guardAgainstKill, type KillGuard } from "./kill-guard.ts";
import type { RedisRunner } from "./redis-runner.ts";
import { startRedisServer } from "./redis-server.ts";

/** A server as a process, which ends with this one; its directory is removed then. */
export class RedisProcess implements RedisRunner {
  readonly #program: string;
  readonly #guard: KillGuard;
  #server: ChildProcess | undefined;

  constructor(program: string, directory: string) {
    this.#program = program;
    this.#guard = guardAgainstKill({ signal: "KILL", directories: [directory] });
  }

  async start(options: (port: number) => readonly string[], givenPort?: number): Promise<number> {
    const { server, port } = await startRedisServer(this.#program, options, givenPort);
    this.#server = server;
    this.#guard.watch(server.pid);
    return port;
  }

  async kill(): Promise<void> {
    const server = this.#server;
    if (server?.exitCode === null && server.signalCode === null) {
      const closed = once(server, "close");
      server.kill("SIGKILL");
      await closed;
    }
    this.#guard.watch(undefined);
  }

  freeze(): Promise<void> {
    this.#server?.kill("SIGSTOP");
    return Promise.resolve();
  }

  thaw(): Promise<void> {
    this.#server?.kill("SIGCONT");
    return Promise.resolve();
  }

  async remove(): Promise<void> {
    await this.kill();
    this.#guard.release();
  }
}
