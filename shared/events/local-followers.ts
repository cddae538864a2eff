/** Followers of jobs in this process. */
export class LocalFollowers {
  readonly #byJob = new Map<string, Set<() => void>>();

  /** Returns the function that removes the follower. */
  add(job: string, onChange: () => void): () => void {
    const followers = this.#byJob.get(job) ?? new Set();
    // Each call adds its own function, so that one which follows twice can leave twice.
    const follower = (): void => onChange();
    this.#byJob.set(job, followers.add(follower));
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#byJob.get(job) === followers) this.#byJob.delete(job);
    };
  }

  has(job: string): boolean {
    return this.#byJob.has(job);
  }

  jobs(): string[] {
    return [...this.#byJob.keys()];
  }

  tell(job: string): void {
    for (const follower of this.#byJob.get(job) ?? []) follower();
  }

  clear(): void {
    this.#byJob.clear();
  }
}
