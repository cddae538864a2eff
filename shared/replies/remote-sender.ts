import type { Notice } from "../contracts/reply.ts";
import type { Envelope } from "./envelope.ts";
import { RemoteAttemptReply } from "./remote-attempt-reply.ts";
import type { AttemptReply, ReplySender } from "./reply-path.ts";

export interface RemoteSenderOptions {
  /** Resolves once Redis has the message, or it is lost. */
  readonly post: (to: string, envelope: Envelope) => Promise<void>;
  /** Returns the milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

const TICK_MS = 500;
/**
 * The memory for results that their owners have not acknowledged. Above it, results wait and their
 * slots stay busy.
 */
const RETAINED_BYTES = 256 * 1024 * 1024;

/** Sends the replies of a worker to other processes. */
export class RemoteSender implements ReplySender {
  readonly #options: RemoteSenderOptions;
  readonly #attempts = new Map<string, RemoteAttemptReply>();
  readonly #onRoom: (() => void)[] = [];
  #retainedBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RemoteSenderOptions) {
    this.#options = options;
  }

  /** Starts to check for messages that stay unacknowledged. */
  start(): void {
    this.#timer = setInterval(() => this.tick(), TICK_MS);
  }

  attempt(owner: string, job: string, fence: number): AttemptReply {
    const key = `${job}.${fence}`;
    const attempt = new RemoteAttemptReply({
      owner,
      job,
      fence,
      ...this.#options,
      room: () => this.#room(),
      onRetained: (bytes) => {
        this.#retainedBytes += bytes;
      },
      onOver: () => {
        this.#attempts.delete(key);
        for (const resolve of this.#onRoom.splice(0)) resolve();
      },
    });
    this.#attempts.set(key, attempt);
    return attempt;
  }

  notify(owner: string, job: string, message: Notice): Promise<boolean> {
    void this.#options.post(owner, { kind: "notice", job, message });
    return Promise.resolve(true);
  }

  /** Handles an owner's answer. */
  take(envelope: Extract<Envelope, { kind: "ack" | "gone" }>): void {
    this.#attempts.get(`${envelope.job}.${envelope.fence}`)?.take(envelope);
  }

  /** Asks owners that have been silent for a while, and gives up those that never answer. */
  tick(): void {
    for (const attempt of this.#attempts.values()) attempt.tick();
  }

  /** Resolves when every message has been acknowledged, or after `withinMs`. */
  async drain(withinMs: number): Promise<void> {
    const until = this.#options.now() + withinMs;
    while (this.#attempts.size > 0 && this.#options.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #room(): Promise<void> {
    while (this.#retainedBytes >= RETAINED_BYTES)
      await new Promise<void>((resolve) => this.#onRoom.push(resolve));
  }
}
