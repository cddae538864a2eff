import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { errorCode } from "../errors/error-kind.ts";
import { EgressError } from "./egress-error.ts";

export interface SignedPost {
  readonly url: string | URL;
  readonly headers: Readonly<Record<string, string>>;
  /** The body is sent byte for byte, since it is signed. */
  readonly body: string | Buffer;
  /** The limit of the whole call. */
  readonly timeoutMs: number;
  readonly maxResponseBytes: number;
  /** An abort ends the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface PostAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** The part of the body that came before its end, the byte limit or the time limit, as text. */
  readonly bodyStart: string;
}

/**
 * Sends one POST on a connection of its own, which is closed afterwards. Any status is an answer,
 * redirects too. Once the status is there, neither an endless body nor a broken one changes it.
 * Throws `EgressError` when no status came.
 */
export async function postSigned(agent: Dispatcher, post: SignedPost): Promise<PostAnswer> {
  const { signal } = post;
  signal?.throwIfAborted();
  const url = URL.parse(post.url.toString());
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new EgressError("refused_address", "the address is no http or https URL");
  const call = new Call(post.maxResponseBytes);
  const timer = setTimeout(() => {
    call.end(new EgressError("timeout", `no answer within ${post.timeoutMs} ms`));
  }, post.timeoutMs);
  const abort = () => call.fail(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    agent.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: "POST",
        headers: { ...post.headers },
        body: post.body,
      },
      call,
    );
    return await call.answer;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** One request and its answer. The first event that settles it also closes its socket. */
class Call implements Dispatcher.DispatchHandler {
  readonly #settled = Promise.withResolvers<PostAnswer>();
  readonly #maxBytes: number;
  #isOver = false;
  #controller: Dispatcher.DispatchController | undefined;
  #head: { readonly status: number; readonly retryAfter: string | undefined } | undefined;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get answer(): Promise<PostAnswer> {
    return this.#settled.promise;
  }

  /** Settles with the answer as far as it is known, or with the error when there is none. */
  end(error: unknown): void {
    if (this.#isOver) return;
    if (this.#head === undefined) {
      this.fail(error);
      return;
    }
    const body = Buffer.concat(this.#chunks).subarray(0, this.#maxBytes);
    this.#settled.resolve({ ...this.#head, bodyStart: asText(body) });
    this.#stop();
  }

  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#settled.reject(error);
    this.#stop();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) this.#stop();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    if (status < 200) return;
    // A header that comes twice is an array, although the type says otherwise.
    const [retryAfter] = [headers["retry-after"]].flat();
    this.#head = { status, retryAfter };
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= this.#maxBytes) this.end(undefined);
  }

  onResponseEnd(): void {
    this.#controller = undefined;
    this.end(undefined);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#controller = undefined;
    if (error instanceof EgressError) this.end(error);
    else this.end(new EgressError("reset", `the connection broke: ${errorCode(error)}`, error));
  }

  #stop(): void {
    this.#isOver = true;
    this.#controller?.abort(new Error("the call is over"));
  }
}

/** Removes an incomplete character at the end, and replaces NUL, which no text column accepts. */
function asText(body: Buffer): string {
  return new TextDecoder().decode(body, { stream: true }).replaceAll("\0", "\ufffd");
}
