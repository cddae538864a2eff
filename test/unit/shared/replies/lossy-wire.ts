import type { ReplyMessage } from "../../../../shared/contracts/reply.ts";
import {
  packEnvelope,
  unpackEnvelope,
  type Envelope,
} from "../../../../shared/replies/envelope.ts";
import { RemoteReceiver } from "../../../../shared/replies/remote-receiver.ts";
import { RemoteSender } from "../../../../shared/replies/remote-sender.ts";

interface WireMessage {
  readonly from: string;
  readonly head: string;
  readonly bytes: Buffer;
}

/**
 * Joins one API process and its workers by inboxes. These keep their order, and lose, repeat and
 * hold back messages only when a test says so; the test also moves the clock.
 */
export class LossyWire {
  nowMs = 0;
  readonly receiver: RemoteReceiver;
  /** Holds the recipient and the kind of every posted message. */
  readonly posted: { readonly to: string; readonly kind: string }[] = [];
  /** Nobody waited for the jobs of these notices. */
  readonly unknown: string[] = [];
  readonly #workers: readonly string[];
  readonly #inboxes = new Map<string, WireMessage[]>();
  readonly #senders = new Map<string, RemoteSender>();

  constructor(workers: readonly string[] = ["worker"]) {
    this.#workers = workers;
    const now = (): number => this.nowMs;
    this.receiver = new RemoteReceiver({
      post: this.#poster("api"),
      now,
      onUnknown: (job, notice) => void this.unknown.push(`${job} ${notice.type}`),
    });
    for (const name of workers)
      this.#senders.set(name, new RemoteSender({ post: this.#poster(name), now }));
  }

  get addresses(): string[] {
    return ["api", ...this.#workers];
  }

  sender(worker = "worker"): RemoteSender {
    const sender = this.#senders.get(worker);
    if (sender === undefined) throw new Error(`no worker ${worker}`);
    return sender;
  }

  waiting(address: string): number {
    return this.#of(address).length;
  }

  /** Delivers the oldest messages. With `again` they also stay, as when their removal was lost. */
  deliver(address: string, count = Number.POSITIVE_INFINITY, again = false): void {
    const inbox = this.#of(address);
    const messages = inbox.slice(0, count);
    if (!again) inbox.splice(0, messages.length);
    for (const { from, head, bytes } of messages)
      this.#open(address, unpackEnvelope(head, bytes), from);
  }

  /** Drops the youngest messages. */
  lose(address: string, count = Number.POSITIVE_INFINITY): void {
    const inbox = this.#of(address);
    inbox.splice(Math.max(0, inbox.length - count));
  }

  /** Lets time pass; then the workers check what is still unacknowledged. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (const sender of this.#senders.values()) sender.tick();
  }

  /** Delivers until no message is on its way. */
  async deliverAll(): Promise<void> {
    do {
      for (const address of this.addresses) this.deliver(address);
      await breathe();
    } while (this.addresses.some((address) => this.waiting(address) > 0));
  }

  #open(address: string, envelope: Envelope, from: string): void {
    switch (envelope.kind) {
      case "message":
      case "probe":
      case "notice":
        this.receiver.take(envelope, from);
        break;
      case "ack":
      case "gone":
        this.sender(address).take(envelope);
        break;
      case "stop":
        throw new Error("nobody stops anything here");
    }
  }

  #poster(from: string) {
    return (to: string, envelope: Envelope): Promise<void> => {
      this.posted.push({ to, kind: envelope.kind });
      this.#of(to).push({ from, ...packEnvelope(envelope) });
      return Promise.resolve();
    };
  }

  #of(address: string): WireMessage[] {
    const inbox = this.#inboxes.get(address) ?? [];
    this.#inboxes.set(address, inbox);
    return inbox;
  }
}

/** Resolves once everything that can run has run. */
export async function breathe(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export const answerHeaders = { provider: "p", location: "local", attempts: 1, queueMs: 0 } as const;
export const started: ReplyMessage = { type: "started", ...answerHeaders };
export const end: ReplyMessage = { type: "end", state: "done", answerHeaders, costNanos: 7n };

export function chunk(text: string): Extract<ReplyMessage, { type: "chunk" }> {
  return { type: "chunk", text };
}
