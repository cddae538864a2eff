import type { Usage } from "../../shared/contracts/outcome.ts";

/** What a call has brought so far; kept up to date while reading, since a call can end any time. */
export interface Seen {
  outputBytes: number;
  usage: Usage | undefined;
  ttftMs: number | null;
  /** Whole milliseconds since the call's start. */
  readonly elapsedMs: () => number;
}
