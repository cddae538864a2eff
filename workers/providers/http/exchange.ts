import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { CallStopped, failed, type AbortedEnd, type FailedEnd } from "../call-end.ts";
import type { Connections } from "./connections.ts";
import { explainSocketError } from "./socket-error.ts";

/** One HTTP request, without its origin. */
export interface OutgoingRequest {
  readonly method: "GET" | "POST";
  /** The path with its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface ResponseHead {
  readonly status: number;
  /** A header that came twice has its first value; several encodings are one list. */
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** The socket pauses when more received bytes wait to be read. */
const HIGH_WATER_BYTES = 64 * 1024;

/**
 * Every call ends with an abort, most of them when they are over. One shared error saves a stack
 * for each call.
 */
const ABORTED = new CallStopped({ kind: "aborted" });

/**
 * One HTTP request and its response, read by pulling, with one deadline at a time. Whatever ends it
 * early (abort, deadline, socket error) is thrown as `CallStopped` by the next method awaited.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  /** The request was handed to a connected socket. */
  sent = false;
  gotHeaders = false;
  #head: ResponseHead | undefined;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #ended = false;
  /** The reason why we stopped it. It counts at once. */
  #stopped: CallStopped | undefined;
  /** The reason why the upstream broke the exchange. It counts after all bytes received before. */
  #broken: CallStopped | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reading = true;
  #lastActivityAt = performance.now();
  readonly #firstByteMs: number;

  constructor(
    connections: Connections,
    request: OutgoingRequest,
    timeouts: { readonly connectMs: number; readonly firstByteMs: number },
  ) {
    this.#firstByteMs = timeouts.firstByteMs;
    this.#setDeadline("first_byte_timeout", timeouts.connectMs + timeouts.firstByteMs);
    connections.dispatch(request, this);
  }

  /** Waits for the response's status and headers. */
  async head(): Promise<ResponseHead> {
    await this.#until(() => this.#head !== undefined || this.#broken !== undefined);
    if (this.#head === undefined) throw this.#broken ?? new CallStopped(failed("cut", "no answer"));
    return this.#head;
  }

  /** The answer has come in whole, so that its socket is free. */
  get isComplete(): boolean {
    return this.#ended;
  }

  /**
   * Returns how long, in ms, nothing has come while we wait for bytes; 0 before the request goes
   * out.
   */
  silentMs(): number {
    const isWaited = this.sent && this.#reading && !this.#ended && this.#bufferedBytes === 0;
    return isWaited ? performance.now() - this.#lastActivityAt : 0;
  }

  /** Returns all bytes received since the last read, or undefined if the body is over. */
  async read(): Promise<Buffer | undefined> {
    await this.#until(() => this.#bufferedBytes > 0 || this.#ended || this.#broken !== undefined);
    if (this.#bufferedBytes === 0) {
      if (this.#broken !== undefined) throw this.#broken;
      return undefined;
    }
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#controller?.resume();
    return chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
  }

  /** From now on each sign of life must follow the one before within `idleMs`. */
  allowGapsOf(idleMs: number): void {
    this.#setDeadline("idle_timeout", idleMs);
  }

  /** Starts the current deadline again: the bytes just read were a sign of life. */
  restartDeadline(): void {
    if (this.#stopped === undefined && !this.#ended) this.#timer?.refresh();
  }

  /** From now on everything must be over within `ms`. */
  allowOnly(ms: number): void {
    this.#setDeadline("idle_timeout", ms);
  }

  /** Awaits the caller's own work. No deadline runs meanwhile, but an abort still counts. */
  async whileOpen(work: Promise<void>): Promise<void> {
    let settled = false;
    const settle = () => {
      settled = true;
      this.#notify();
    };
    void work.then(settle, settle);
    this.#reading = false;
    try {
      await this.#until(() => settled);
    } finally {
      this.#reading = true;
      this.#lastActivityAt = performance.now();
      this.#timer?.refresh();
    }
    await work;
  }

  /** Ends the exchange now. Closes the socket unless the response is complete. */
  stop(end: FailedEnd | AbortedEnd): void {
    if (this.#stopped !== undefined) return;
    this.#stopped = end.kind === "aborted" ? ABORTED : new CallStopped(end);
    clearTimeout(this.#timer);
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.#controller?.abort(this.#stopped);
    this.#notify();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // undici puts a request back in its queue when a socket dies in certain ways. Sending it again
    // would be a second call that no ledger row knows.
    if (this.#stopped !== undefined || this.sent) {
      controller.abort(new Error("this request may not be sent"));
      return;
    }
    this.#controller = controller;
    this.sent = true;
    this.#lastActivityAt = performance.now();
    this.#setDeadline("first_byte_timeout", this.#firstByteMs);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) return;
    this.gotHeaders = true;
    this.#lastActivityAt = performance.now();
    this.#head = { status, headers: single(headers) };
    this.#notify();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#stopped !== undefined) return;
    this.#lastActivityAt = performance.now();
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    if (this.#bufferedBytes > HIGH_WATER_BYTES) controller.pause();
    this.#notify();
  }

  onResponseEnd(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#notify();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#broken ??= new CallStopped(explainSocketError(error, this.sent));
    this.#notify();
  }

  #setDeadline(reason: "first_byte_timeout" | "idle_timeout", ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped !== undefined || this.#ended) return;
    this.#timer = setTimeout(() => {
      if (this.#reading) this.stop(failed(reason, `nothing came within ${ms} ms`));
    }, ms);
  }

  async #until(ready: () => boolean): Promise<void> {
    while (this.#stopped === undefined && !ready()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

function single(headers: IncomingHttpHeaders): ResponseHead["headers"] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (!Array.isArray(value)) return [name, value];
      return [name, name === "content-encoding" ? value.join(", ") : value[0]];
    }),
  );
}
