import { Redis } from "ioredis";

/**
 * Rejects with an error that says what to change when the tests cannot use the server of
 * `REDIS_URL`.
 */
export async function checkRedisUrl(url: string): Promise<void> {
  if (!url.startsWith("redis://"))
    throw new Error("The tests reach the server of REDIS_URL without TLS only: redis://host:port.");
  const client = new Redis(url, { retryStrategy: () => null });
  let last: Error | undefined;
  client.on("error", (error) => (last = error)); // This error says more than the one that a command rejects with.
  const problem = await client.ping().then(
    () => undefined,
    (error: Error) => last ?? error,
  );
  client.disconnect();
  if (problem === undefined) return;
  throw new Error(
    `The server of REDIS_URL (${new URL(url).host}) cannot be used: ${problem.message}.`,
  );
}
