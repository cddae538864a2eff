import type { Notice } from "../contracts/reply.ts";
import type { Envelope } from "./envelope.ts";
import { RemoteInbox } from "./remote-inbox.ts";
import type { ReplyInbox, ReplyReceiver } from "./reply-path.ts";

export interface RemoteReceiverOptions {
  readonly post: (to: string, envelope: Envelope) => unknown;
  readonly now: () => number;
  /** Called with a notice about a job without an inbox in this process. */
  readonly onUnknown: (job: string, notice: Notice) => void;
}

/** Receives the replies of other processes in an API. */
export class RemoteReceiver implements ReplyReceiver {
  readonly #options: RemoteReceiverOptions;
  readonly #inboxes = new Map<string, RemoteInbox>();

  constructor(options: RemoteReceiverOptions) {
    this.#options = options;
  }

  open(job: string): ReplyInbox {
    if (this.#inboxes.has(job)) throw new Error(`an inbox is open for ${job}`);
    const inbox = new RemoteInbox({
      job,
      post: this.#options.post,
      now: this.#options.now,
      onClose: () => this.#inboxes.delete(job),
    });
    this.#inboxes.set(job, inbox);
    return inbox;
  }

  take(envelope: Extract<Envelope, { kind: "message" | "probe" | "notice" }>, from: string): void {
    const inbox = this.#inboxes.get(envelope.job);
    if (envelope.kind === "notice") {
      if (inbox !== undefined) inbox.push(envelope.message);
      else this.#options.onUnknown(envelope.job, envelope.message as Notice);
    } else if (inbox !== undefined) inbox.take(envelope, from);
    else this.#options.post(from, { kind: "gone", job: envelope.job, fence: envelope.fence });
  }
}
