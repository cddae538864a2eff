import type { ReplyMessage } from "../contracts/reply.ts";
import { within } from "../timing/within.ts";
import { payloadBytes, type Envelope } from "./envelope.ts";
import { REPLY_CREDIT_BYTES, type AttemptReply } from "./reply-path.ts";

export interface RemoteAttemptReplyOptions {
  readonly owner: string;
  readonly job: string;
  readonly fence: number;
  /** Resolves once Redis has the message, or it is lost. */
  readonly post: (to: string, envelope: Envelope) => Promise<void>;
  readonly now: () => number;
  /** Called with the change in the number of retained bytes. */
  readonly onRetained: (bytes: number) => void;
  /** Resolves when the process may retain another result. */
  readonly room: () => Promise<void>;
  /** Called when the attempt is closed and all its messages are acknowledged, or given up. */
  readonly onOver: () => void;
}

interface Sent {
  readonly seq: number;
  readonly message: ReplyMessage;
  readonly bytes: number;
}

/** The time that a result waits for Redis before its ledger row is written. */
const POST_MS = 500;
/** The silence of an owner after which the worker asks what it has received. */
const PROBE_AFTER_MS = 2_000;
/**
 * The silence of a closed attempt's owner after which it counts as gone. The sweeper notices a dead
 * owner sooner.
 */
const GIVE_UP_AFTER_MS = 120_000;

/**
 * Sends one attempt's messages to an owner in another process. They are numbered, kept until
 * acknowledged, and sent again when the owner misses some: a wiped Redis costs a delay, not the
 * answer.
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
    // The ledger row is written next. The result must not be lost if the worker dies before it is
    // sent.
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
    // Before its close an attempt may have sent nothing, so its owner had no reason to answer.
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

  /** Drops the messages up to `seq`, which need not be sent again. */
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
