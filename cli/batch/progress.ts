import type { Lookup } from "../../config/environment.ts";
import { LineProgress } from "./line-progress.ts";
import { TerminalProgress } from "./terminal-progress.ts";

/** How far something is. */
export interface ProgressView {
  /** What goes on; a new one is news. */
  readonly phase: string;
  /** What is done; without change there is nothing to tell. */
  readonly done: string;
  /** How fast it goes, and the like. */
  readonly pace: string;
  /** From 0 to 1; undefined when nobody knows. */
  readonly fraction: number | undefined;
}

/** Shows a person how far something is. */
export interface Progress {
  show(view: ProgressView): void;
  /** One line that stays. */
  say(text: string): void;
  /** Leaves the cursor on an empty line. */
  end(): void;
}

export type ProgressOutput = Pick<NodeJS.WriteStream, "write"> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

/** A line that changes on a terminal, and lines now and then elsewhere. */
export function openProgress(output: ProgressOutput, lookup: Lookup): Progress {
  const changes = output.isTTY === true && lookup("TERM") !== "dumb" && lookup("CI") === undefined;
  return changes ? new TerminalProgress(output) : new LineProgress(output);
}
