import type { ReportedUsage } from "../../shared/contracts/outcome.ts";

/** What a call has brought so far; kept up to date while reading, since a call can end any time. */
export interface CallProgress {
  outputBytes: number;
  usage: ReportedUsage | undefined;
  ttftMs: number | null;
  /** Only the end of the answer tells what was generated. */
  hidesOutput: boolean;
  /** Whole milliseconds since the call's start. */
  readonly elapsedMs: () => number;
}
