import type { Progress, ProgressOutput, ProgressView } from "./progress.ts";

const INTERVAL_MS = 10_000;

/**
 * Progress for logs: a line when something has changed, at most one in 10 s unless the phase
 * changes.
 */
export class LineProgress implements Progress {
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  #last: { readonly view: ProgressView; readonly at: number } | undefined;

  constructor(output: ProgressOutput, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  show(view: ProgressView): void {
    const last = this.#last;
    const at = this.#now();
    if (last !== undefined && last.view.phase === view.phase) {
      if (last.view.done === view.done || at - last.at < INTERVAL_MS) return;
    }
    this.#last = { view, at };
    this.say([view.phase, view.done, view.pace].filter((part) => part !== "").join(" · "));
  }

  say(text: string): void {
    this.#output.write(`${text}\n`);
  }

  end(): void {
    // Every line is complete, so there is nothing to clean up.
  }
}
