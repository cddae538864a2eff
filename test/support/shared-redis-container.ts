import { once } from "node:events";

/** The one of docker-compose.yml. */
const image = "redis:8.6";
const port = 6379;
/** An engine that is there says so at once; a remote one may be out of reach. */
const engineAnswerMs = 5_000;

export interface SharedRedisContainer {
  readonly url: string;
  /** For further containers. */
  readonly image: string;
  stop(): Promise<void>;
}

/**
 * Starts Redis in a container, which also goes when this process is killed. Undefined: no Docker
 * engine answers. Rejects when one does, but the container does not start.
 */
export async function startSharedRedisContainer(): Promise<SharedRedisContainer | undefined> {
  // Only loaded here: it takes longer than to start a server.
  const { GenericContainer, getContainerRuntimeClient } = await import("testcontainers");
  const late = AbortSignal.timeout(engineAnswerMs);
  const engine = await Promise.race([
    getContainerRuntimeClient().catch(() => undefined),
    once(late, "abort").then(() => undefined),
  ]);
  if (engine === undefined) return undefined;
  const container = await new GenericContainer(image).withExposedPorts(port).start();
  return {
    url: `redis://${container.getHost()}:${container.getMappedPort(port)}`,
    image,
    stop: async () => void (await container.stop()),
  };
}
