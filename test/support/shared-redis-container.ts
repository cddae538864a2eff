import { once } from "node:events";

/** The image is the one in docker-compose.yml. */
const IMAGE = "redis:8.6";
const PORT = 6379;
/** A local engine answers at once; a remote one may be out of reach. */
const ENGINE_ANSWER_MS = 5_000;

export interface SharedRedisContainer {
  readonly url: string;
  /** The image for further containers. */
  readonly image: string;
  stop(): Promise<void>;
}

/**
 * Starts Redis in a container, which also ends when this process is killed. Resolves with undefined
 * when no Docker engine answers. Rejects when one answers but the container does not start.
 */
export async function startSharedRedisContainer(): Promise<SharedRedisContainer | undefined> {
  // The module is loaded only here, because that takes longer than starting a server.
  const { GenericContainer, getContainerRuntimeClient } = await import("testcontainers");
  const late = AbortSignal.timeout(ENGINE_ANSWER_MS);
  const engine = await Promise.race([
    getContainerRuntimeClient().catch(() => undefined),
    once(late, "abort").then(() => undefined),
  ]);
  if (engine === undefined) return undefined;
  const container = await new GenericContainer(IMAGE).withExposedPorts(PORT).start();
  return {
    url: `redis://${container.getHost()}:${container.getMappedPort(PORT)}`,
    image: IMAGE,
    stop: async () => void (await container.stop()),
  };
}
