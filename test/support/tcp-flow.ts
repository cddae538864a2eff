import type { Socket } from "node:net";

/** What one end has sent: bytes, an orderly end, or a reset. */
export type Sent = Buffer | "end" | "reset";

export interface TcpFlowOptions {
  readonly from: Socket;
  readonly to: Socket;
  /** Asked again for whatever waits, so a change holds for what is already under way. */
  readonly latencyMs: () => number;
  readonly stalled: () => boolean;
  readonly deliver: (sent: Sent) => void;
}

/** Held here at most; past that the sender is no longer read, as with a full window. */
const HELD_BYTES = 256 * 1024;

/** One direction of a line: what arrives is delivered in its order, late, and never hoarded. */
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
    from.on("error", () => undefined); // told by "close"
    from.on("close", (hadError) => {
      if (hadError) this.#add("reset");
    });
    to.on("drain", () => this.advance());
    to.on("close", () => this.#abandon());
  }

  /** Delivers what is due; called when the conditions have changed. */
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

  /** The receiver is gone: the sender is read on, so that its end is seen too. */
  #abandon(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.#heldBytes = 0;
    this.#options.from.resume();
  }
}
