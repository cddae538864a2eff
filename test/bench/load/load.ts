/** One run of the load generator against one system. */
export interface Load {
  /** Of the chat completions. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly bodyBytes: number;
  readonly stream: boolean;
  /** Runs before the window opens. */
  readonly warmUpMs: number;
  readonly windowMs: number;
}

export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

/** What was seen between the opening and the closing of the window. */
export interface LoadResult {
  readonly seconds: number;
  /** Right answers. */
  readonly answers: number;
  /** Everything else: other statuses, wrong bodies, lost connections, timeouts. */
  readonly errors: number;
  /** Of one that was no right answer; undefined: there was none. */
  readonly firstError: string | undefined;
  readonly latencyMs: Spread;
  /** Undefined: not a stream. */
  readonly firstTokenMs: Spread | undefined;
}

/** From the generator's process; the window's ends are told as they happen. */
export type LoadMessage =
  | { readonly type: "opened" }
  | { readonly type: "closed"; readonly result: LoadResult }
  | { readonly type: "stopped" };
