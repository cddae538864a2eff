import type { Redis } from "ioredis";

/** Says goodbye if there is a connection; one that has none would wait for it. */
export async function closeRedis(client: Redis): Promise<void> {
  if (client.status === "ready") await client.quit().catch(() => undefined);
  client.disconnect();
}
