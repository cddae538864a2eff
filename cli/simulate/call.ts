import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { CallTally, CounterBook } from "./counters.ts";

/**
 * One inference call. It begins when its headers arrive, and ends when the operating system has the
 * last byte of the response or when either side closes the socket. Everything that is sent goes
 * through it.
 */
export class Call {
  readonly clientRequestId: string | undefined;
  readonly tally: CallTally;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #book: CounterBook;
  readonly #onEnd: (() => void)[] = [];
  #open = true;
  #good = false;
  #bytesAtAbort: number | undefined;
  #wake: (() => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, book: CounterBook) {
    const id = request.headers["x-client-request-id"];
    this.clientRequestId = typeof id === "string" ? id : undefined;
    this.tally = book.begin(this.clientRequestId);
    this.#request = request;
    this.#response = response;
    this.#book = book;
    response.once("finish", () => this.#finished());
    response.once("close", () => this.#closed());
  }

  get open(): boolean {
    return this.#open;
  }

  /** Calls `run` once when the call ends, or at once if it has ended. */
  onEnd(run: () => void): void {
    if (this.#open) this.#onEnd.push(run);
    else run();
  }

  /** Reads the whole request body; undefined when the client left before its end. */
  body(): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const chunks: Buffer[] = [];
      this.#request.on("data", (chunk: Buffer) => chunks.push(chunk));
      this.#request.once("end", () => {
        const [first] = chunks;
        resolve(chunks.length === 1 ? first : Buffer.concat(chunks));
      });
      this.#request.once("close", () => resolve(undefined));
    });
  }

  /** Waits for a time in milliseconds, or until the call ends. */
  sleep(ms: number): Promise<void> {
    return this.#pause((wake) => {
      const timer = setTimeout(wake, ms);
      return () => clearTimeout(timer);
    });
  }

  /** Lets other work run, so that we notice when the client leaves. */
  breathe(): Promise<void> {
    return this.#pause((wake) => {
      const immediate = setImmediate(wake);
      return () => clearImmediate(immediate);
    });
  }

  /** Waits until `release` is called or the call ends. */
  park(hand: (release: () => void) => void): Promise<void> {
    return this.#pause((wake) => {
      hand(wake);
      return () => undefined;
    });
  }

  untilEnd(): Promise<void> {
    return this.park(() => undefined);
  }

  countPrompt(tokens: number): void {
    this.tally.row.promptTokens += tokens;
    this.tally.totals.promptTokens += tokens;
  }

  countGenerated(tokens: number): void {
    this.tally.row.completionTokens += tokens;
    this.tally.totals.completionTokens += tokens;
  }

  /** Sets the headers. They leave with the first byte, or at once with `flush`. */
  head(status: number, headers: OutgoingHttpHeaders, flush = false): void {
    if (!this.#open) return;
    this.#response.writeHead(status, headers);
    this.tally.row.status = status;
    if (!flush) return;
    this.#response.flushHeaders();
    this.#sending();
  }

  /** Sends a part of the body. Returns a promise while the client reads slower than we write. */
  write(part: string | Uint8Array): Promise<void> | undefined {
    if (!this.#open) return undefined;
    this.#sending();
    if (this.#response.write(part)) return undefined;
    return this.#pause((wake) => {
      this.#response.once("drain", wake);
      return () => this.#response.off("drain", wake);
    });
  }

  /** Sends the last part. `good` means that the client now has a whole answer. */
  end(text: string, good: boolean): void {
    if (!this.#open) return;
    this.#sending();
    this.#good = good;
    this.#response.end(text);
  }

  /** Sends text, and closes the socket once the operating system has it. */
  cut(text: string): void {
    if (!this.#open) return;
    if (text === "") {
      this.drop();
      return;
    }
    this.#sending();
    this.#response.write(text, () => this.drop());
  }

  /** Closes the socket from our side, which is not counted as the client's abort. */
  drop(): void {
    this.#end();
    this.#response.destroy();
  }

  /**
   * Counts that the client closed its side. This happens now, since the socket's own end may come
   * later.
   */
  clientLeft(): void {
    if (!this.#open) return;
    const { row, totals } = this.tally;
    row.aborted = true;
    row.abortedAtMs = Date.now();
    totals.aborted += 1;
    this.#bytesAtAbort = this.#request.socket.bytesWritten;
    this.#end();
  }

  #sending(): void {
    this.tally.row.headersSent = true;
    this.tally.row.lastSentAtMs = Date.now();
  }

  #finished(): void {
    if (!this.#open) return;
    const { row, totals } = this.tally;
    row.completed = true;
    totals.completed += 1;
    if (this.#good) {
      row.ok = true;
      totals.ok += 1;
    }
    this.#end();
  }

  #closed(): void {
    this.clientLeft();
    const { row, totals } = this.tally;
    if (this.#bytesAtAbort === undefined) return;
    // The difference may be negative: destroying a socket removes bytes that it had counted but not
    // sent.
    const late = Math.max(0, this.#request.socket.bytesWritten - this.#bytesAtAbort);
    row.bytesAfterAbort += late;
    totals.bytesAfterAbort += late;
  }

  #end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#book.end(this.tally);
    this.#wake?.();
    for (const run of this.#onEnd) run();
  }

  #pause(arm: (wake: () => void) => () => void): Promise<void> {
    if (!this.#open) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        disarm();
        this.#wake = undefined;
        resolve();
      };
      this.#wake = wake;
      const disarm = arm(wake);
    });
  }
}
