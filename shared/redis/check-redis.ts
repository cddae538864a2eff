import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";

/** A server that does not answer for this long at the start is more likely a wrong address. */
const PATIENCE_MS = 10_000;
const RETRY_MS = 100;

/**
 * Waits until the server answers, and refuses a server that may evict keys. Throws an `Error` that
 * says what to change.
 */
export async function checkRedis(client: Redis): Promise<void> {
  const memory = await firstAnswer(client);
  const policy = /^maxmemory_policy:(\S+)/m.exec(memory)?.[1];
  if (policy !== undefined && policy !== "noeviction")
    throw new Error(
      `the Redis of REDIS_URL evicts keys when its memory is full (maxmemory-policy ${policy}), and queued requests with them: set maxmemory-policy to noeviction`,
    );
}

async function firstAnswer(client: Redis): Promise<string> {
  const until = performance.now() + PATIENCE_MS;
  let last: unknown;
  const onError = (error: Error): void => void (last = error);
  client.on("error", onError);
  try {
    for (;;) {
      try {
        return await client.info("memory");
      } catch (error) {
        // These answers do not change with time. The answer to the greeting goes to the client, not
        // to the command. ioredis 6.0 looks at it after the command's own answer when both arrive in
        // one piece.
        await setImmediate();
        const refusal = [last, error].find(isRefusal);
        if (refusal !== undefined) throw unusable(refusal);
        if (performance.now() > until) throw unusable(last ?? error);
        await sleep(RETRY_MS);
      }
    }
  } finally {
    client.off("error", onError);
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && /^(NOAUTH|WRONGPASS|NOPERM)\b/.test(error.message);
}

function unusable(cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`the Redis of REDIS_URL cannot be used: ${why}`, { cause });
}

/** Redis refuses commands that need memory above its `maxmemory`. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && error.message.includes("OOM command not allowed");
}
