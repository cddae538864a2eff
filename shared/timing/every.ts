import { setTimeout as sleep } from "node:timers/promises";

/** A task that repeats until stopped. */
export interface Repeating {
  /** Resolves when a run under way has ended. */
  stop(): Promise<void>;
}

/**
 * Runs a task again and again with a pause between the end of one run and the start of the next,
 * so runs never overlap. After a failing run the next one comes all the same; of failures in a row
 * only the first is reported.
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
