import type { Notice, ReplyMessage } from "../contracts/reply.ts";
import { HeardFences } from "./heard-fences.ts";
import {
  REPLY_CREDIT_BYTES,
  type AttemptReply,
  type ReplyInbox,
  type ReplyReceiver,
  type ReplySender,
} from "./reply-path.ts";

/** Delivers the replies inside one process. */
export class LocalReplyHub implements ReplySender, ReplyReceiver {
  readonly #inboxes = new Map<string, LocalInbox>();

  open(job: string): ReplyInbox {
    if (this.#inboxes.has(job)) throw new Error(`an inbox is open for ${job}`);
    const inbox = new LocalInbox(() => this.#inboxes.delete(job));
    this.#inboxes.set(job, inbox);
    return inbox;
  }

  attempt(_owner: string, job: string, fence: number): AttemptReply {
    return {
      send: async (message) => {
        const inbox = this.#inboxes.get(job);
        return inbox !== undefined && inbox.hears(fence) && (await inbox.push(message));
      },
      close: () => undefined,
    };
  }

  async notify(_owner: string, job: string, notice: Notice): Promise<boolean> {
    const inbox = this.#inboxes.get(job);
    return inbox !== undefined && (await inbox.push(notice));
  }
}

class LocalInbox implements ReplyInbox {
  hasEnd = false;
  readonly worker = undefined;
  readonly #onClose: () => void;
  readonly #messages: ReplyMessage[] = [];
  readonly #fences = new HeardFences();
  #unreadBytes = 0;
  #closed = false;
  #reader: ((message: ReplyMessage | null) => void) | undefined;
  readonly #blocked: (() => void)[] = [];

  constructor(onClose: () => void) {
    this.#onClose = onClose;
  }

  hears(fence: number): boolean {
    return this.#fences.hear(fence);
  }

  endAttempts(): void {
    this.#fences.end();
  }

  async push(message: ReplyMessage): Promise<boolean> {
    if (this.#closed) return false;
    if (message.type === "end") this.hasEnd = true;
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
