import { setTimeout as sleep } from "node:timers/promises";
import { errorText } from "../error-text.ts";
import { fetchCause, mayPass } from "../client/fetch-failure.ts";

export interface Patience {
  readonly signal: AbortSignal;
  /** Called at the first failure of an outage, and again when it is over. */
  readonly say: (text: string) => void;
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** How long an outage may last, counted from its first failure. */
  readonly patienceMs: number;
}

/**
 * Repeats work that fails for a while, with longer and longer pauses, until it succeeds. Rejects
 * with the last error when it is permanent, when the outage is too long or when the signal is
 * aborted.
 */
export async function keepTrying<Result>(
  work: () => Promise<Result>,
  { signal, say, pauseMs, maxPauseMs, patienceMs }: Patience,
): Promise<Result> {
  let failedAt: number | undefined;
  for (let attempt = 0; ; attempt += 1) {
    try {
      const result = await work();
      if (attempt > 0) say("the broker answers again");
      return result;
    } catch (error) {
      if (signal.aborted || !mayPass(error)) throw error;
      failedAt ??= performance.now();
      if (performance.now() - failedAt > patienceMs) throw error;
      if (attempt === 0) say(`${errorText(fetchCause(error))}; trying again`);
      await sleep(Math.min(pauseMs * 2 ** attempt, maxPauseMs), undefined, { signal });
    }
  }
}
