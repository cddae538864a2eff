import { setTimeout as sleep } from "node:timers/promises";

/** A task that repeats until stopped. */
export interface Repeating {
  /** Stops the task. Resolves when a run in progress has ended. */
  stop(): Promise<void>;
}

/**
 * Repeats a task that belongs to one piece of work, such as one upload, and ends with it. The loops
 * of a process are in `loops.ts`: they have cadences and slow down while there is nothing to do.
 * The pause is between the end of one run and the start of the next, so runs never overlap. A
 * failing run is followed by the next one. Of several failures in a row, only the first is
 * reported.
 */
export function every(
  pauseMs: number,
  task: () => Promise<void>,
  onError: (error: unknown) => void,
): Repeating {
  const stopped = new AbortController();
  const loop = (async () => {
    let failing = false;
    while (!stopped.signal.aborted) {
      try {
        await task();
        failing = false;
      } catch (error) {
        if (!failing && !stopped.signal.aborted) onError(error);
        failing = true;
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
