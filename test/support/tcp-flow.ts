import type { Socket } from "node:net";

/** A piece that one end has sent: bytes, a regular end, or a reset. */
export type Sent = Buffer | "end" | "reset";

export interface TcpFlowOptions {
  readonly from: Socket;
  readonly to: Socket;
  /** Called again for everything that waits, so that a change affects it too. */
  readonly latencyMs: () => number;
  readonly stalled: () => boolean;
  readonly deliver: (sent: Sent) => void;
}

/** At this limit the sender is no longer read, as with a full TCP window. */
const HELD_BYTES = 256 * 1024;

/**
 * One direction of a connection. It delivers data in order and with a delay, and holds a limited
 * amount.
 */
export class TcpFlow {
  readonly #options: TcpFlowOptions;
  readonly #waiting: { readonly sent: Sent; readonly arrivedAtMs: number }[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TcpFlowOptions) {
    this.#options = options;
    const { from, to } = options;
    from.on("data", (chunk: Buffer) => {
      this.#heldBytes += chunk.length;
      if (this.#heldBytes >= HELD_BYTES) from.pause();
      this.#add(chunk);
    });
    from.on("end", () => this.#add("end"));
    from.on("error", () => undefined); // The "close" event reports the error.
    from.on("close", (hadError) => {
      if (hadError) this.#add("reset");
    });
    to.on("drain", () => this.advance());
    to.on("close", () => this.#abandon());
  }

  /** Delivers everything that is due; called when the conditions have changed. */
  advance(): void {
    clearTimeout(this.#timer);
    const { from, to, latencyMs, stalled, deliver } = this.#options;
    while (!stalled() && !to.writableNeedDrain) {
      const [first] = this.#waiting;
      if (first === undefined) break;
      const waitMs = first.arrivedAtMs + latencyMs() - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.advance(), waitMs);
        break;
      }
      this.#waiting.shift();
      if (Buffer.isBuffer(first.sent)) this.#heldBytes -= first.sent.length;
      deliver(first.sent);
    }
    if (this.#heldBytes < HELD_BYTES) from.resume();
  }

  #add(sent: Sent): void {
    this.#waiting.push({ sent, arrivedAtMs: performance.now() });
    this.advance();
  }

  /** Handles the end of the receiver: the sender is still read, so that its end is seen too. */
  #abandon(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.#heldBytes = 0;
    this.#options.from.resume();
  }
}
