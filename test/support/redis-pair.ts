import type { Redis } from "ioredis";
import { expect } from "vitest";
import { eventually } from "./eventually.ts";
import { type OwnRedis, startOwnRedis } from "./own-redis.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

/** A primary and its replica have one address, as in a managed Redis. */
export interface RedisPair {
  /** New connections to this URL lead to the current primary. */
  readonly url: string;
  /** Returns a connection to the current primary, for checks. */
  client(): Redis;
  /** Stops the replication, so that a later failover loses what was written since. */
  detachReplica(): Promise<void>;
  /**
   * Makes the replica the primary. Connections to the old primary stay open, and can read there but
   * not write (READONLY).
   */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts both servers and waits until the replica follows. */
export async function startRedisPair(): Promise<RedisPair> {
  const resources = new AsyncDisposableStack();
  const start = async (): Promise<OwnRedis> => {
    const redis = await startOwnRedis();
    resources.defer(() => redis.stop());
    return redis;
  };
  let primary = await start();
  let replica = await start();
  const proxy = await startTcpProxy("127.0.0.1", primary.port);
  resources.defer(() => proxy.close());
  await follow(replica, primary);
  return {
    url: proxy.through(primary.url),
    client: () => primary.client(),
    async detachReplica() {
      await replica.client().replicaof("NO", "ONE");
    },
    async failover() {
      await replica.client().replicaof("NO", "ONE");
      [primary, replica] = [replica, primary];
      proxy.target = { host: "127.0.0.1", port: primary.port };
      await follow(replica, primary);
    },
    stop: () => resources.disposeAsync(),
  };
}

async function follow(replica: OwnRedis, primary: OwnRedis): Promise<void> {
  await replica.client().replicaof("127.0.0.1", primary.port);
  await eventually(async () => {
    expect(await replica.client().info("replication")).toContain("master_link_status:up");
  }, 20_000);
}
