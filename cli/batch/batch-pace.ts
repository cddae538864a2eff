import type { Batch } from "./batch.ts";
import { figures } from "./figures.ts";
import type { ProgressView } from "./progress.ts";

interface Sample {
  readonly at: number;
  readonly ended: number;
}

/** The rate is measured over this time. */
const WINDOW_MS = 30_000;
const MIN_SECONDS = 2;

const PHASES: Readonly<Record<string, string>> = {
  validating: "checking the file",
  finalizing: "writing the results",
  cancelling: "cancelling",
};

/** Computes how fast the lines of a batch end, from its counts as they are read again and again. */
export class BatchPace {
  readonly #samples: Sample[] = [];

  /** Adds the counts that were read at a time in milliseconds, and returns what to show. */
  view(batch: Batch, at: number): ProgressView {
    const { total, completed, failed } = batch.request_counts;
    const ended = completed + failed;
    const { paused, status } = batch;
    const isRunning = status === "in_progress" && paused === null;
    // A pause must not count in the rate.
    if (!isRunning) this.#samples.length = 0;
    const perSecond = isRunning ? this.#rate({ at, ended }) : 0;
    const pace = [
      ...(perSecond > 0 ? [figures.rate(perSecond)] : []),
      figures.dollars(batch.cost.amount),
      ...(perSecond > 0 && ended < total
        ? [`${figures.duration((total - ended) / perSecond)} left`]
        : []),
    ];
    const isKnown = total > 0;
    return {
      phase: paused === null ? (PHASES[status] ?? "") : `paused (${paused.reason})`,
      done: isKnown ? doneText(batch) : "",
      pace: isKnown ? pace.join(" · ") : "",
      fraction: isKnown ? ended / total : undefined,
    };
  }

  /** Returns lines a second over the window; 0 while too little is known. */
  #rate(sample: Sample): number {
    this.#samples.push(sample);
    const from = sample.at - WINDOW_MS;
    // One sample older than the window stays, so that the window is always full.
    while ((this.#samples[1]?.at ?? Infinity) <= from) this.#samples.shift();
    const [first = sample] = this.#samples;
    const seconds = (sample.at - first.at) / 1_000;
    return seconds < MIN_SECONDS ? 0 : (sample.ended - first.ended) / seconds;
  }
}

function doneText({ request_counts: { total, completed, failed } }: Batch): string {
  const done = `${figures.count(completed)} of ${figures.count(total)} done`;
  return failed === 0 ? done : `${done} · ${figures.count(failed)} failed`;
}
