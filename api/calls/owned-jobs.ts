import type { WatchedJob } from "./ended-watch.ts";

/** A running job as the registry sees it. */
export interface OwnedJob extends WatchedJob {
  /** Asks the job to end. The code says why. */
  stop(state: "cancelled" | "expired", code: string): void;
}

/**
 * The jobs whose callers this process holds. Their bodies are kept nowhere else: a message for a
 * job that is not here reaches nobody, and the sweeper ends that job.
 */
export class OwnedJobs {
  readonly #jobs = new Map<string, OwnedJob>();
  #onEmpty: (() => void)[] = [];
  readonly #shutdown = new AbortController();

  /** Aborted after a shutdown's grace time. */
  get shutdown(): AbortSignal {
    return this.#shutdown.signal;
  }

  get size(): number {
    return this.#jobs.size;
  }

  all(): Iterable<OwnedJob> {
    return this.#jobs.values();
  }

  add(job: OwnedJob): void {
    this.#jobs.set(job.id, job);
    if (this.shutdown.aborted) job.stop("cancelled", "shutdown");
  }

  remove(job: OwnedJob): void {
    this.#jobs.delete(job.id);
    if (this.#jobs.size === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** Resolves when no job is left. */
  async whenEmpty(): Promise<void> {
    if (this.#jobs.size > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  /** Asks all jobs to end. The code says why. */
  stopAll(code: string): void {
    for (const job of this.#jobs.values()) job.stop("cancelled", code);
  }

  /** Ends the grace time: asks all jobs to end, and those that are still being admitted. */
  shutDown(): void {
    this.#shutdown.abort();
    this.stopAll("shutdown");
  }
}
