import { once } from "node:events";
import { connect } from "node:net";
import type { StartedTestContainer } from "testcontainers";
import { freePort } from "../../cli/embedded-postgres/free-port.ts";
import { eventually } from "./eventually.ts";
import type { RedisRunner } from "./redis-runner.ts";

/**
 * A server in a container, for a machine that has only Docker. It shares the host's network, so its
 * address works like that of a process.
 */
export class RedisContainer implements RedisRunner {
  readonly #image: string;
  readonly #directory: string;
  #container: StartedTestContainer | undefined;
  #runs = false;
  #isFrozen = false;

  constructor(image: string, directory: string) {
    this.#image = image;
    this.#directory = directory;
  }

  async start(options: (port: number) => readonly string[], givenPort?: number): Promise<number> {
    const port = givenPort ?? (await freePort());
    if (this.#container === undefined) this.#container = await this.#create(options(port));
    else await (await this.#raw()).start();
    this.#runs = true;
    await eventually(() => dial(port), 10_000).catch((error: unknown) => {
      throw new Error(
        "A container is not reached in the host's network: install redis-server or valkey-server.",
        { cause: error },
      );
    });
    return port;
  }

  async kill(): Promise<void> {
    if (!this.#runs) return;
    await this.thaw();
    const container = await this.#raw();
    await container.kill();
    await container.wait();
    this.#runs = false;
  }

  async freeze(): Promise<void> {
    if (!this.#isFrozen) await (await this.#raw()).pause();
    this.#isFrozen = true;
  }

  async thaw(): Promise<void> {
    if (this.#isFrozen) await (await this.#raw()).unpause();
    this.#isFrozen = false;
  }

  async remove(): Promise<void> {
    if (this.#container !== undefined) await (await this.#raw()).remove({ force: true });
  }

  async #create(options: readonly string[]): Promise<StartedTestContainer> {
    const { GenericContainer, Wait } = await import("testcontainers");
    let output = "";
    const container = new GenericContainer(this.#image)
      .withEntrypoint(["redis-server"])
      .withCommand(["--bind", "127.0.0.1", ...options])
      .withNetworkMode("host")
      .withBindMounts([{ source: this.#directory, target: this.#directory }])
      .withLogConsumer((stream) => {
        stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
      })
      .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections/));
    return await container.start().catch((error: unknown) => {
      throw new Error(`${this.#image} did not start:\n${output.trim()}`, { cause: error });
    });
  }

  /** Returns the engine's own container object, which can do more than that of testcontainers. */
  async #raw() {
    if (this.#container === undefined) throw new Error("the server was never started");
    const { getContainerRuntimeClient } = await import("testcontainers");
    const { container } = await getContainerRuntimeClient();
    return container.getById(this.#container.getId());
  }
}

async function dial(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
  } finally {
    socket.destroy();
  }
}
