import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { within } from "../timing/within.ts";
import { packEnvelope, payloadBytes, unpackEnvelope, type Envelope } from "./envelope.ts";

export interface RedisTransportOptions {
  /** The connection that sends. Its commands must fail rather than wait for a lost server. */
  readonly redis: Redis;
  /** The connection for blocking reads, which has no other user. */
  readonly reader: Redis;
  /** The prefix of all keys. */
  readonly prefix: string;
  /**
   * This process's name in the fleet. It is new after each start, so no process reads the messages
   * of its predecessor.
   */
  readonly address: string;
  readonly onEnvelope: (envelope: Envelope, from: string) => void;
  readonly onError: (error: Error) => void;
}

interface OutgoingMessage {
  readonly envelope: Envelope;
  readonly onOver: () => void;
}

/** Messages that wait for one address. */
interface Outbox {
  readonly waiting: OutgoingMessage[];
}

/** Larger payloads get a key of their own, so that they do not delay other messages. */
const INLINE_BYTES = 256 * 1024;
/** Redis deletes messages and payloads that nobody fetches for this long. */
const TTL_MS = 60_000;
/**
 * The limits of one entry of an inbox and of one read, since the messages of others come after it.
 */
const BATCH = 256;
const BATCH_BYTES = 512 * 1024;
const READ = 32;
const BLOCK_MS = 2_000;
const RETRY_MS = 200;
const CLOSE_MS = 500;

/**
 * Reads this process's inbox, a Redis Stream, in batches, and sends to the inboxes of others.
 * Messages to one address keep their order, and messages that come during a send wait for the next
 * one. A message may be lost (Redis is away, or was wiped) or come twice: the callers number
 * messages that must arrive and send them again.
 */
export class RedisTransport {
  readonly #options: RedisTransportOptions;
  readonly #outboxes = new Map<string, Outbox>();
  readonly #expiriesSetAt = new Map<string, number>();
  readonly #closed = new AbortController();
  #reading: Promise<void> | undefined;
  #readSince = Number.NEGATIVE_INFINITY;

  constructor(options: RedisTransportOptions) {
    this.#options = options;
  }

  /** Every message that was in the inbox at this time (`performance.now()`) has been delivered. */
  get readSince(): number {
    return this.#readSince;
  }

  /** Starts to read the inbox. */
  start(): void {
    this.#reading = this.#read();
  }

  /** Resolves once Redis has the message, or it is lost. */
  post(to: string, envelope: Envelope): Promise<void> {
    return new Promise((onOver) => {
      const outbox = this.#outboxes.get(to);
      if (outbox !== undefined) {
        outbox.waiting.push({ envelope, onOver });
        return;
      }
      const opened = { waiting: [{ envelope, onOver }] };
      this.#outboxes.set(to, opened);
      void this.#send(to, opened);
    });
  }

  /** Stops reading and removes the inbox. Messages that are on their way out are sent first. */
  async close(): Promise<void> {
    this.#closed.abort();
    const { reader } = this.#options;
    reader.disconnect();
    reader.stream?.destroy(); // the socket would stay open until the blocking read returns
    // When the server is away, ioredis leaves the read pending for ever.
    await within(CLOSE_MS, this.#reading ?? Promise.resolve());
    const until = performance.now() + CLOSE_MS;
    while (this.#outboxes.size > 0 && performance.now() < until) await sleep(10);
    await this.#options.redis.del(this.#inbox(this.#options.address)).catch(() => undefined);
  }

  async #send(to: string, outbox: Outbox): Promise<void> {
    await Promise.resolve(); // messages of one tick go together
    while (outbox.waiting.length > 0) {
      const batch = outbox.waiting.splice(0, batchSize(outbox.waiting));
      try {
        await this.#sendBatch(to, batch);
      } catch (error) {
        this.#options.onError(error as Error);
      }
      for (const { onOver } of batch) onOver();
    }
    this.#outboxes.delete(to);
  }

  async #sendBatch(to: string, batch: readonly OutgoingMessage[]): Promise<void> {
    const { redis, address } = this.#options;
    const fields: (string | Buffer)[] = ["from", address];
    for (const { envelope } of batch) {
      const { head, bytes } = packEnvelope(envelope);
      if (bytes.length <= INLINE_BYTES) {
        fields.push(`i${head}`, bytes);
        continue;
      }
      const key = `${this.#options.prefix}:payload:${randomUUID()}`;
      await redis.set(key, bytes, "PX", TTL_MS);
      fields.push(`k${head}`, key);
    }
    const inbox = this.#inbox(to);
    await redis.xadd(inbox, "*", ...fields);
    await this.#keepAlive(inbox);
  }

  /** Renews the expiry of an inbox. An inbox without a reader expires. */
  async #keepAlive(inbox: string): Promise<void> {
    const now = performance.now();
    if (now - (this.#expiriesSetAt.get(inbox) ?? Number.NEGATIVE_INFINITY) < TTL_MS / 4) return;
    for (const [other, at] of this.#expiriesSetAt)
      if (now - at > TTL_MS) this.#expiriesSetAt.delete(other);
    this.#expiriesSetAt.set(inbox, now);
    await this.#options.redis.pexpire(inbox, TTL_MS);
  }

  async #read(): Promise<void> {
    const { reader, address } = this.#options;
    const inbox = this.#inbox(address);
    while (!this.#closed.signal.aborted) {
      const begunAt = performance.now();
      try {
        // Each read begins at the start, and read entries are deleted. So there is no position that
        // could be lost with the stream.
        const found = await reader.xreadBuffer(
          ...(["COUNT", READ, "BLOCK", BLOCK_MS, "STREAMS", inbox, "0"] as const),
        );
        const entries = found?.[0]?.[1] ?? [];
        for (const [, fields] of entries) await this.#open(fields);
        if (entries.length < READ) this.#readSince = begunAt;
        if (entries.length > 0)
          reader.xdel(inbox, ...entries.map(([id]) => id)).catch(this.#options.onError);
      } catch (error) {
        if (this.#closed.signal.aborted) return;
        this.#options.onError(error as Error);
        await sleep(RETRY_MS, undefined, { signal: this.#closed.signal }).catch(() => undefined);
      }
    }
  }

  async #open(fields: readonly Buffer[]): Promise<void> {
    const from = fields[1]?.toString() ?? "";
    for (let at = 2; at + 1 < fields.length; at += 2) {
      const head = fields[at]?.toString() ?? "";
      const value = fields[at + 1] ?? Buffer.alloc(0);
      const bytes = head.startsWith("k") ? await this.#fetch(value.toString()) : value;
      if (bytes === null) continue;
      try {
        this.#options.onEnvelope(unpackEnvelope(head.slice(1), bytes), from);
      } catch (error) {
        this.#options.onError(error as Error);
      }
    }
  }

  /** Returns null for a payload that was lost with its server or has expired. */
  async #fetch(key: string): Promise<Buffer | null> {
    const { redis, onError } = this.#options;
    try {
      return await redis.getdelBuffer(key);
    } catch (error) {
      onError(error as Error);
      return null;
    }
  }

  #inbox(address: string): string {
    return `${this.#options.prefix}:inbox:${address}`;
  }
}

/** Returns how many of the first messages go together. */
function batchSize(waiting: readonly OutgoingMessage[]): number {
  let bytes = 0;
  for (const [at, { envelope }] of waiting.slice(0, BATCH).entries()) {
    bytes += "message" in envelope ? payloadBytes(envelope.message) : 0;
    if (bytes > BATCH_BYTES) return Math.max(1, at);
  }
  return BATCH;
}
