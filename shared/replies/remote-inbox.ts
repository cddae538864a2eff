import type { ReplyMessage } from "../contracts/reply.ts";
import { payloadBytes, type Envelope } from "./envelope.ts";
import { HeardFences } from "./heard-fences.ts";
import { REPLY_CREDIT_BYTES, type ReplyInbox } from "./reply-path.ts";

export interface RemoteInboxOptions {
  readonly job: string;
  readonly post: (to: string, envelope: Envelope) => unknown;
  readonly now: () => number;
  readonly onClose: () => void;
}

type FromAttempt = Extract<Envelope, { kind: "message" | "probe" }>;

/** The number of taken bytes after which the worker gets an acknowledgement. */
const ACK_BYTES = REPLY_CREDIT_BYTES / 4;
/** A gap is visible in every message after it, so it is reported only once in this time. */
const ASK_AGAIN_MS = 500;

/**
 * Holds what the owner of a job has received from other processes. Each attempt's messages are
 * delivered in order: a missing one is requested again, and a second copy is dropped.
 */
export class RemoteInbox implements ReplyInbox {
  hasEnd = false;
  worker: string | undefined;
  readonly #options: RemoteInboxOptions;
  readonly #fences = new HeardFences();
  readonly #messages: ReplyMessage[] = [];
  /** Queued messages of older attempts. Taking one gives no credit to the current attempt. */
  #older = 0;
  /** The sequence number of the last message from the attempt with the highest fence. */
  #received = -1;
  #takenBytes = 0;
  #toldBytes = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;
  #reader: ((message: ReplyMessage | null) => void) | undefined;

  constructor(options: RemoteInboxOptions) {
    this.#options = options;
  }

  /** Handles a message or probe of an attempt. */
  take(envelope: FromAttempt, from: string): void {
    const { job, fence, seq } = envelope;
    const before = this.#fences.highest;
    if (this.#isClosed || !this.#fences.hear(fence)) {
      this.#options.post(from, { kind: "gone", job, fence });
      return;
    }
    this.worker = from;
    if (fence > before) this.#beginAttempt();
    if (envelope.kind === "probe") this.#ack(seq > this.#received);
    else if (seq > this.#received + 1) this.#askAgain();
    else if (seq <= this.#received) this.#ack(false);
    else {
      this.#received = seq;
      this.push(envelope.message);
      // The worker keeps the last message of an attempt until it is acknowledged.
      if (envelope.message.type === "end" || envelope.message.type === "enqueue") this.#ack(false);
    }
  }

  push(message: ReplyMessage): void {
    if (this.#isClosed) return;
    if (message.type === "end") this.hasEnd = true;
    const reader = this.#reader;
    if (reader === undefined) {
      this.#messages.push(message);
      return;
    }
    this.#reader = undefined;
    this.#recordTaken(message);
    reader(message);
  }

  next(): Promise<ReplyMessage | null> {
    const message = this.#messages.shift();
    if (message !== undefined) {
      if (this.#older > 0) this.#older--;
      else this.#recordTaken(message);
      return Promise.resolve(message);
    }
    if (this.#isClosed) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  endAttempts(): void {
    this.#fences.end();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reader?.(null);
    this.#reader = undefined;
    this.#options.onClose();
  }

  #beginAttempt(): void {
    this.#older = this.#messages.length;
    this.#received = -1;
    this.#takenBytes = 0;
    this.#toldBytes = 0;
    this.#askedAt = Number.NEGATIVE_INFINITY;
  }

  #recordTaken(message: ReplyMessage): void {
    if (message.type !== "chunk") return;
    this.#takenBytes += payloadBytes(message);
    if (this.#takenBytes - this.#toldBytes >= ACK_BYTES) this.#ack(false);
  }

  #askAgain(): void {
    const now = this.#options.now();
    if (now - this.#askedAt < ASK_AGAIN_MS) return;
    this.#askedAt = now;
    this.#ack(true);
  }

  #ack(missing: boolean): void {
    if (this.worker === undefined) return;
    this.#toldBytes = this.#takenBytes;
    this.#options.post(this.worker, {
      kind: "ack",
      job: this.#options.job,
      fence: this.#fences.highest,
      received: this.#received,
      takenBytes: this.#takenBytes,
      missing,
    });
  }
}
