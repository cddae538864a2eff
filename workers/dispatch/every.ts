import { setTimeout as sleep } from "node:timers/promises";

/** A task that repeats until stopped. */
export interface Repeating {
  /** Resolves when a run under way has ended. */
  stop(): Promise<void>;
}

/**
 * Runs a task again and again with a pause between the end of one run and the start of the next,
 * so runs never overlap. A failing run is reported and the next one comes all the same.
 */
export function every(
  pauseMs: number,
  task: () => Promise<void>,
  onError: (error: unknown) => void,
): Repeating {
  const stopped = new AbortController();
  const loop = (async () => {
    while (!stopped.signal.aborted) {
      try {
        await task();
      } catch (error) {
        if (!stopped.signal.aborted) onError(error);
      }
      await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await loop;
    },
  };
}
