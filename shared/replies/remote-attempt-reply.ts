import type { ReplyMessage } from "../contracts/reply.ts";
import { within } from "../timing/within.ts";
import { payloadBytes, type Envelope } from "./envelope.ts";
import { REPLY_CREDIT_BYTES, type AttemptReply } from "./reply-path.ts";

export interface RemoteAttemptReplyOptions {
  readonly owner: string;
  readonly job: string;
  readonly fence: number;
  /** Resolves once the letter is on its way, or lost. */
  readonly post: (to: string, envelope: Envelope) => Promise<void>;
  readonly now: () => number;
  /** Told of so many bytes more, or fewer, that are kept. */
  readonly onRetained: (bytes: number) => void;
  /** Resolves when the process may keep another result. */
  readonly room: () => Promise<void>;
  /** Acknowledged to the last message after `close`, or given up. */
  readonly onOver: () => void;
}

interface Sent {
  readonly seq: number;
  readonly message: ReplyMessage;
  readonly bytes: number;
}

/** A result waits so long for Redis before its ledger row is written. */
const POST_MS = 500;
/** Silence of an owner after which it is asked what it has. */
const PROBE_AFTER_MS = 2_000;
/** Silence of a closed attempt's owner after which it is taken to be gone; the sweeper knew sooner. */
const GIVE_UP_AFTER_MS = 120_000;

/**
 * One attempt's messages to an owner in another process, numbered, kept until acknowledged and sent
 * again when the owner misses some: a wiped Redis costs a delay, not the answer.
 */
export class RemoteAttemptReply implements AttemptReply {
  readonly #options: RemoteAttemptReplyOptions;
  #unacknowledged: Sent[] = [];
  #nextSeq = 0;
  #sentBytes = 0;
  #takenBytes = 0;
  #isGone = false;
  #closedAt: number | undefined;
  #heardAt: number;
  #probedAt: number;
  #blocked: (() => void)[] = [];

  constructor(options: RemoteAttemptReplyOptions) {
    this.#options = options;
    this.#heardAt = options.now();
    this.#probedAt = this.#heardAt;
  }

  async send(message: ReplyMessage): Promise<boolean> {
    if (message.type === "result") await this.#options.room();
    if (this.#isGone) return false;
    const sent = { seq: this.#nextSeq++, message, bytes: payloadBytes(message) };
    this.#unacknowledged.push(sent);
    this.#options.onRetained(sent.bytes);
    const posted = this.#post(sent);
    // What follows is the ledger row, and this must not die with the worker between the two.
    if (message.type === "result") await within(POST_MS, posted);
    if (message.type !== "chunk") return !this.#isGone;
    this.#sentBytes += sent.bytes;
    while (this.#isBlocked()) await new Promise<void>((resolve) => this.#blocked.push(resolve));
    return !this.#isGone;
  }

  close(): void {
    this.#closedAt ??= this.#options.now();
    this.#endIfOver();
  }

  take(envelope: Extract<Envelope, { kind: "ack" | "gone" }>): void {
    this.#heardAt = this.#options.now();
    if (envelope.kind === "gone") {
      this.#giveUp();
      return;
    }
    const { received, takenBytes, missing } = envelope;
    this.#takenBytes = Math.max(this.#takenBytes, takenBytes);
    this.#forget(received);
    if (missing) for (const sent of this.#unacknowledged) void this.#post(sent);
    this.#unblock();
    this.#endIfOver();
  }

  tick(): void {
    const now = this.#options.now();
    // Before its end an attempt may have had nothing to say, and its owner no reason to answer.
    const closedAt = this.#closedAt ?? now;
    if (now - Math.max(this.#heardAt, closedAt) > GIVE_UP_AFTER_MS) {
      this.#giveUp();
      return;
    }
    const waits = this.#unacknowledged.length > 0 || this.#isBlocked();
    if (!waits || now - Math.max(this.#heardAt, this.#probedAt) < PROBE_AFTER_MS) return;
    this.#probedAt = now;
    const { owner, job, fence } = this.#options;
    void this.#options.post(owner, { kind: "probe", job, fence, seq: this.#nextSeq - 1 });
  }

  #isBlocked(): boolean {
    return !this.#isGone && this.#sentBytes - this.#takenBytes >= REPLY_CREDIT_BYTES;
  }

  #post({ seq, message }: Sent): Promise<void> {
    const { owner, job, fence } = this.#options;
    return this.#options.post(owner, { kind: "message", job, fence, seq, message });
  }

  #giveUp(): void {
    this.#isGone = true;
    this.#forget(this.#nextSeq);
    this.#unblock();
    this.#endIfOver();
  }

  /** Messages up to `seq` need not be sent again. */
  #forget(seq: number): void {
    const kept = this.#unacknowledged.findIndex((sent) => sent.seq > seq);
    const forgotten = this.#unacknowledged.splice(0, kept === -1 ? Infinity : kept);
    this.#options.onRetained(-forgotten.reduce((sum, { bytes }) => sum + bytes, 0));
  }

  #unblock(): void {
    for (const resolve of this.#blocked.splice(0)) resolve();
  }

  #endIfOver(): void {
    if (this.#closedAt !== undefined && this.#unacknowledged.length === 0) this.#options.onOver();
  }
}
