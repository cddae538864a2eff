import { closeRedis } from "../redis/open-redis.ts";
import type { Redis } from "ioredis";
import { within } from "../timing/within.ts";
import { LocalFollowers } from "./local-followers.ts";

export interface RedisSubscriberOptions {
  /** Opens the connection that only listens. It waits for a lost server. */
  readonly openSubscriber: () => Redis;
  readonly channelOf: (job: string) => string;
}

/**
 * The time that a new follower waits until the server listens. When that takes longer, the follower
 * is called once the server does.
 */
const LISTEN_MS = 1_000;
/** The interval of pings, which detect a connection that is dead although no answer is due. */
const PING_MS = 5_000;

/** Receives what any process announces, over one connection, for the followers in this process. */
export class RedisSubscriber {
  readonly #options: RedisSubscriberOptions;
  readonly #followers = new LocalFollowers();
  readonly #jobs = new Map<string, string>();
  #subscriber: Redis | undefined;
  #pinging: NodeJS.Timeout | undefined;

  constructor(options: RedisSubscriberOptions) {
    this.#options = options;
  }

  /** Calls `onChange` at each wake-up of the job until the returned function is called. */
  async follow(job: string, onChange: () => void): Promise<() => void> {
    const channel = this.#options.channelOf(job);
    this.#subscriber ??= this.#open();
    const subscriber = this.#subscriber;
    this.#jobs.set(channel, job);
    const leave = this.#followers.add(job, onChange);
    // Each follower subscribes, even after another one: the answer says that the server listens.
    const listening = subscriber.subscribe(channel);
    const isInTime = await within(LISTEN_MS, listening).catch(() => true);
    let hasLeft = false;
    const sayLate = (): void => void (hasLeft || onChange());
    if (!isInTime) listening.then(sayLate, () => undefined);
    return () => {
      hasLeft = true;
      leave();
      if (this.#followers.has(job) || !this.#jobs.delete(channel)) return;
      subscriber.unsubscribe(channel).catch(() => undefined);
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#pinging);
    this.#followers.clear();
    if (this.#subscriber !== undefined) await closeRedis(this.#subscriber);
  }

  #open(): Redis {
    const subscriber = this.#options.openSubscriber();
    subscriber.on("message", (channel: string) =>
      this.#followers.tell(this.#jobs.get(channel) ?? ""),
    );
    subscriber.on("ready", () => {
      void this.#listenAgain(subscriber);
    });
    this.#pinging = setInterval(() => {
      if (subscriber.status === "ready") subscriber.ping().catch(() => undefined);
    }, PING_MS).unref();
    return subscriber;
  }

  /** Announcements are lost while there is no connection, so every follower is called. */
  async #listenAgain(subscriber: Redis): Promise<void> {
    const jobs = this.#followers.jobs();
    if (jobs.length === 0) return;
    await subscriber.subscribe(...jobs.map(this.#options.channelOf)).catch(() => undefined);
    for (const job of jobs) this.#followers.tell(job);
  }
}
