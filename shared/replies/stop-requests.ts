/** Asks the worker that runs a job to stop soon. The job's row already holds the request. */
export interface StopRequests {
  /** `worker` runs the job, according to the statement that recorded the request. */
  request(job: string, reason: string, worker: string | null): void;
}

/** Stop requests inside one process: workers listen for the jobs that they run. */
export class LocalStopRequests implements StopRequests {
  readonly #listeners = new Map<string, Set<(reason: string) => void>>();

  request(job: string, reason: string): void {
    for (const listener of this.#listeners.get(job) ?? []) listener(reason);
  }

  /** Listens until the returned function is called. A doubled entry gets a second listener. */
  listen(job: string, onStop: (reason: string) => void): () => void {
    const listeners = this.#listeners.get(job) ?? new Set();
    // Each call has a listener of its own, so that a function that listens twice can leave twice.
    const listener = (reason: string): void => onStop(reason);
    this.#listeners.set(job, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(job) === listeners)
        this.#listeners.delete(job);
    };
  }
}
