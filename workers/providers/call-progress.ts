import type { ReportedUsage } from "../../shared/contracts/outcome.ts";

/** The counts of a call so far. They are kept up to date while reading, since a call can end any time. */
export class CallProgress {
  outputBytes = 0;
  usage: ReportedUsage | undefined;
  /** Only the end of the answer tells what was generated. */
  hidesOutput = false;
  #ttftMs: number | null = null;
  readonly #startedAt = performance.now();
  readonly #onFirstByte: (() => void) | undefined;

  constructor(onFirstByte: (() => void) | undefined) {
    this.#onFirstByte = onFirstByte;
  }

  get hasBegun(): boolean {
    return this.#ttftMs !== null;
  }

  /** Marks that the first byte of the answer, or a stream's first event, is here. */
  begin(): void {
    this.#ttftMs = Math.round(performance.now() - this.#startedAt);
    this.#onFirstByte?.();
  }

  counts() {
    return {
      outputBytes: this.outputBytes,
      usage: this.usage,
      ttftMs: this.#ttftMs,
      ...(this.hidesOutput ? { hidesOutput: true as const } : {}),
    };
  }
}
