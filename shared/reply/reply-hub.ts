import type { ReplyMessage } from "../contracts/reply.ts";

/** Bytes that may be on their way to one caller before its worker stops reading upstream. */
const REPLY_CREDIT_BYTES = 256 * 1024;

/** What the API process that owns a job receives about it, in order. */
export interface ReplyInbox {
  /** The next message; null once the inbox is closed. A taken chunk gives its credit back. */
  next(): Promise<ReplyMessage | null>;
  close(): void;
}

/** The worker's side. */
export interface ReplySender {
  /**
   * Hands a message to the job's owner. Resolves when the next one may be sent: chunks wait for
   * credit, so that a slow caller slows its own generation. False: nobody listens any more.
   */
  send(owner: string, job: string, message: ReplyMessage): Promise<boolean>;
}

/** The API's side. The inbox is opened before the job is queued, so no message comes too early. */
export interface ReplyReceiver {
  open(job: string): ReplyInbox;
}

/** The reply path inside one process: a map. */
export class LocalReplyHub implements ReplySender, ReplyReceiver {
  readonly #inboxes = new Map<string, LocalInbox>();

  open(job: string): ReplyInbox {
    if (this.#inboxes.has(job)) throw new Error(`an inbox is open for ${job}`);
    const inbox = new LocalInbox(() => this.#inboxes.delete(job));
    this.#inboxes.set(job, inbox);
    return inbox;
  }

  async send(_owner: string, job: string, message: ReplyMessage): Promise<boolean> {
    const inbox = this.#inboxes.get(job);
    if (inbox === undefined) return false;
    return await inbox.push(message);
  }
}

class LocalInbox implements ReplyInbox {
  readonly #onClose: () => void;
  readonly #messages: ReplyMessage[] = [];
  #unreadBytes = 0;
  #closed = false;
  #reader: ((message: ReplyMessage | null) => void) | undefined;
  readonly #blocked: (() => void)[] = [];

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  async push(message: ReplyMessage): Promise<boolean> {
    if (this.#closed) return false;
    if (this.#reader !== undefined) {
      const reader = this.#reader;
      this.#reader = undefined;
      reader(message);
      return true;
    }
    this.#messages.push(message);
    this.#unreadBytes += sizeOf(message);
    while (message.type === "chunk" && this.#unreadBytes >= REPLY_CREDIT_BYTES && !this.#closed)
      await new Promise<void>((resolve) => this.#blocked.push(resolve));
    return !this.#closed;
  }

  next(): Promise<ReplyMessage | null> {
    const message = this.#messages.shift();
    if (message !== undefined) {
      this.#unreadBytes -= sizeOf(message);
      if (this.#unreadBytes < REPLY_CREDIT_BYTES) this.#unblock();
      return Promise.resolve(message);
    }
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#reader = resolve;
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#reader?.(null);
    this.#reader = undefined;
    this.#unblock();
    this.#onClose();
  }

  #unblock(): void {
    for (const resolve of this.#blocked.splice(0)) resolve();
  }
}

function sizeOf(message: ReplyMessage): number {
  return message.type === "chunk" ? Buffer.byteLength(message.text) : 0;
}
