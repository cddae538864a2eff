import type { Progress, ProgressOutput, ProgressView } from "./progress.ts";

const BAR_WIDTH = 24;
/** For terminals of unknown width. */
const DEFAULT_COLUMNS = 80;
/** Returns to the start of the line and clears it. */
const CLEAR = "\r\u001b[K";

/**
 * Shows progress as the last line of a terminal. It only writes: a terminal whose input is read in
 * raw mode would send no Ctrl-C, and would stop a program in the background.
 */
export class TerminalProgress implements Progress {
  readonly #output: ProgressOutput;
  #line = "";

  constructor(output: ProgressOutput) {
    this.#output = output;
  }

  show({ phase, done, pace, fraction }: ProgressView): void {
    const text = [phase, done, pace].filter((part) => part !== "").join(" · ");
    const columns = this.#output.columns || DEFAULT_COLUMNS;
    // A line that fills the last column would wrap, and could not be cleared.
    const room = columns - 1 - (fraction === undefined ? 0 : BAR_WIDTH + 1);
    const cut = text.length > room ? `${text.slice(0, Math.max(0, room - 1))}…` : text;
    this.#line = fraction === undefined ? cut : `${bar(fraction)} ${cut}`;
    this.#output.write(`${CLEAR}${this.#line}`);
  }

  say(text: string): void {
    this.#output.write(`${this.#line === "" ? "" : CLEAR}${text}\n${this.#line}`);
  }

  end(): void {
    if (this.#line !== "") this.#output.write(CLEAR);
    this.#line = "";
  }
}

function bar(fraction: number): string {
  const full = Math.floor(Math.min(1, Math.max(0, fraction)) * BAR_WIDTH);
  return "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
}
