import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { SeededRandom } from "../seeded-random.ts";

export interface EndConnectionsOptions {
  /** The port of the Redis server. */
  readonly port: number;
  readonly random: SeededRandom;
  /** How many connections to end. */
  readonly count: number;
  readonly perSecond: number;
  readonly signal: AbortSignal;
}

interface Connection {
  readonly id: string;
  /** The connection's state and its last command. */
  readonly what: string;
}

const MOST_AT_ONCE = 3;

/** Ends connections of the broker with `CLIENT KILL`. Returns how many of each kind it ended. */
export async function endConnections(options: EndConnectionsOptions): Promise<Map<string, number>> {
  const { port, random, count, perSecond, signal } = options;
  const looking = new Redis(port, "127.0.0.1");
  const ended = new Map<string, number>();
  const countEnd = (what: string): void => void ended.set(what, (ended.get(what) ?? 0) + 1);
  try {
    for (let all = 0; all < count && !signal.aborted;) {
      const own = String(await looking.client("ID"));
      const found = connectionsIn(String(await looking.client("LIST"))).filter(
        ({ id }) => id !== own,
      );
      // Sometimes all connections of a type end at once, as in a failover.
      const type = random.weighted({ none: 60, pubsub: 2, normal: 1 });
      const chosen = type === "none" ? pick(random, found) : ofType(found, type);
      if (type === "none")
        for (const { id } of chosen)
          await looking.call("CLIENT", "KILL", "ID", id).catch(() => undefined);
      else await looking.call("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes");
      for (const { what } of chosen) countEnd(what);
      all += chosen.length;
      const pauseMs = Math.max(1, (chosen.length * 1_000) / perSecond);
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    looking.disconnect();
  }
  return ended;
}

function pick(random: SeededRandom, found: readonly Connection[]): Connection[] {
  if (found.length === 0) return [];
  const wanted = random.int(1, MOST_AT_ONCE);
  // Rare kinds are chosen as often as common ones.
  const kinds = [...Map.groupBy(found, ({ what }) => what).values()];
  return [...new Set(Array.from({ length: wanted }, () => random.pick(random.pick(kinds))))];
}

function ofType(found: readonly Connection[], type: "pubsub" | "normal"): Connection[] {
  return found.filter(({ what }) => what.startsWith("pubsub") === (type === "pubsub"));
}

function connectionsIn(list: string): Connection[] {
  return list
    .split("\n")
    .filter((line) => line.startsWith("id="))
    .map((line) => {
      const fields = Object.fromEntries(line.split(" ").map((part) => part.split("=", 2)));
      const { id = "", cmd, flags = "", sub = "0" } = fields as Record<string, string>;
      const stands = flags.includes("b") ? "blocked" : "normal";
      return { id, what: `${sub === "0" ? stands : "pubsub"} ${cmd}` };
    });
}
