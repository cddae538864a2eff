import type { Spread } from "./spread.ts";

/** This is the only model, at the upstream and at every system in front of it. */
export const BENCH_MODEL = "bench-model";

/** One run of the load generator against one system. */
export interface Load {
  /** The URL of the chat completions. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  readonly bodyBytes: number;
  readonly stream: boolean;
  /** Time before the window opens. */
  readonly warmUpMs: number;
  readonly windowMs: number;
}

/** The results count from the window's opening to its closing. */
export interface LoadResult {
  readonly seconds: number;
  /** The number of right answers. */
  readonly answers: number;
  /** The number of other results: other statuses, wrong bodies, lost connections, timeouts. */
  readonly errors: number;
  /** The first wrong answer has this text; undefined when there was none. */
  readonly firstError: string | undefined;
  readonly latencyMs: Spread;
  /** The time to the first token; undefined unless the load is a stream. */
  readonly firstTokenMs: Spread | undefined;
}

/** Messages of the generator's process, which reports both edges of the window as they happen. */
export type LoadMessage =
  | { readonly type: "opened" }
  | { readonly type: "closed"; readonly result: LoadResult }
  | { readonly type: "stopped" };
