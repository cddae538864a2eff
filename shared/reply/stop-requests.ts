/** Tells the worker that runs a job to stop soon; the job row already says so. */
export interface StopRequests {
  request(job: string, reason: string): void;
}

/** The path inside one process: workers listen for the jobs that they run. */
export class LocalStopRequests implements StopRequests {
  readonly #listeners = new Map<string, (reason: string) => void>();

  request(job: string, reason: string): void {
    this.#listeners.get(job)?.(reason);
  }

  /** Listens until the returned function is called. One listener a job: fences do not overlap. */
  listen(job: string, onStop: (reason: string) => void): () => void {
    this.#listeners.set(job, onStop);
    return () => {
      if (this.#listeners.get(job) === onStop) this.#listeners.delete(job);
    };
  }
}
