import type { Lookup } from "../../config/environment.ts";
import { LineProgress } from "./line-progress.ts";
import { TerminalProgress } from "./terminal-progress.ts";

/** A view of work in progress. */
export interface ProgressView {
  /** The current step; a new one is shown at once. */
  readonly phase: string;
  /** The work that is done; nothing is shown while it stays the same. */
  readonly done: string;
  /** Speed, cost and remaining time. */
  readonly pace: string;
  /** From 0 to 1; undefined when it is not known. */
  readonly fraction: number | undefined;
}

/** Shows a person how far the work is. */
export interface Progress {
  show(view: ProgressView): void;
  /** Writes one line that stays. */
  say(text: string): void;
  /** Leaves the cursor on an empty line. */
  end(): void;
}

export type ProgressOutput = Pick<NodeJS.WriteStream, "write"> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

/** Opens a line that changes on a terminal, or separate lines now and then for logs. */
export function openProgress(output: ProgressOutput, lookup: Lookup): Progress {
  const changes = output.isTTY === true && lookup("TERM") !== "dumb" && lookup("CI") === undefined;
  return changes ? new TerminalProgress(output) : new LineProgress(output);
}
