import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { within } from "../timing/within.ts";
import { packEnvelope, payloadBytes, unpackEnvelope, type Envelope } from "./envelope.ts";

export interface RedisOutboxOptions {
  /** For what is sent; its commands must fail rather than wait for a server that is away. */
  readonly redis: Redis;
  /** For blocking reads, used by nobody else. */
  readonly reader: Redis;
  /** Of all keys. */
  readonly prefix: string;
  /** This process's name in the fleet; made anew with each boot, so nobody reads old letters. */
  readonly address: string;
  readonly onEnvelope: (envelope: Envelope, from: string) => void;
  readonly onError: (error: Error) => void;
}

interface OutgoingMessage {
  readonly envelope: Envelope;
  readonly onOver: () => void;
}

interface Line {
  readonly waiting: OutgoingMessage[];
}

/** Larger payloads go by a key of their own, so that they hold up nobody else's letters. */
const INLINE_BYTES = 256 * 1024;
/** What nobody fetches, Redis forgets. */
const TTL_MS = 60_000;
/** Bounds on what one entry of an inbox holds, and one read brings: others' letters come after it. */
const BATCH = 256;
const BATCH_BYTES = 512 * 1024;
const READ = 32;
const BLOCK_MS = 2_000;
const RETRY_MS = 200;
const CLOSE_MS = 500;

/**
 * One inbox a process, a Redis Stream read in batches, and the way to others' inboxes. Letters to
 * one address keep their order; while some are on the wire, the next gather. A letter may be lost
 * (Redis away, or wiped) or come twice: what must arrive is numbered and sent again above this.
 */
export class RedisOutbox {
  readonly #options: RedisOutboxOptions;
  readonly #lines = new Map<string, Line>();
  readonly #expiriesSetAt = new Map<string, number>();
  readonly #closed = new AbortController();
  #reading: Promise<void> | undefined;
  #readSince = Number.NEGATIVE_INFINITY;

  constructor(options: RedisOutboxOptions) {
    this.#options = options;
  }

  /** Every letter that was in the inbox at this time (`performance.now()`) has been handed over. */
  get readSince(): number {
    return this.#readSince;
  }

  /** Begins to read. */
  start(): void {
    this.#reading = this.#read();
  }

  /** Resolves once Redis has the letter, or it is lost. */
  post(to: string, envelope: Envelope): Promise<void> {
    return new Promise((onOver) => {
      const line = this.#lines.get(to);
      if (line !== undefined) {
        line.waiting.push({ envelope, onOver });
        return;
      }
      const opened = { waiting: [{ envelope, onOver }] };
      this.#lines.set(to, opened);
      void this.#send(to, opened);
    });
  }

  /** Stops reading and removes the inbox; letters that are on their way out are sent first. */
  async close(): Promise<void> {
    this.#closed.abort();
    const { reader } = this.#options;
    reader.disconnect();
    reader.stream?.destroy(); // it would stay open until the blocking read returns
    // Of a server that is away, ioredis leaves the read pending for ever.
    await within(CLOSE_MS, this.#reading ?? Promise.resolve());
    const until = performance.now() + CLOSE_MS;
    while (this.#lines.size > 0 && performance.now() < until) await sleep(10);
    await this.#options.redis.del(this.#inbox(this.#options.address)).catch(() => undefined);
  }

  async #send(to: string, line: Line): Promise<void> {
    await Promise.resolve(); // letters of one tick travel together
    while (line.waiting.length > 0) {
      const batch = line.waiting.splice(0, batchSize(line.waiting));
      try {
        await this.#sendBatch(to, batch);
      } catch (error) {
        this.#options.onError(error as Error);
      }
      for (const { onOver } of batch) onOver();
    }
    this.#lines.delete(to);
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

  /** An inbox that nobody reads any more goes by itself. */
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
        // Always from the start, and what was read is deleted: no position to lose with the stream.
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

  /** Null: lost with its server, or too old. */
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

/** How many letters, from the first on, go together. */
function batchSize(waiting: readonly OutgoingMessage[]): number {
  let bytes = 0;
  for (const [at, { envelope }] of waiting.slice(0, BATCH).entries()) {
    bytes += "message" in envelope ? payloadBytes(envelope.message) : 0;
    if (bytes > BATCH_BYTES) return Math.max(1, at);
  }
  return BATCH;
}
