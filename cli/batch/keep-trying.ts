import { setTimeout as sleep } from "node:timers/promises";
import { errorText } from "../error-text.ts";
import { mayPass } from "../client/may-pass.ts";

export interface Patience {
  readonly signal: AbortSignal;
  /** Told once for each time of trouble, and once that it is over. */
  readonly say: (text: string) => void;
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** How long trouble may last, from the first failure on. */
  readonly patienceMs: number;
}

/** Does what may fail for a while, again and again with longer pauses, until it succeeds. */
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
      if (attempt === 0) say(`${errorText(deepest(error))}; trying again`);
      await sleep(Math.min(pauseMs * 2 ** attempt, maxPauseMs), undefined, { signal });
    }
  }
}

/** `fetch` says "terminated" of a broken answer and keeps the reason below. */
function deepest(error: unknown): unknown {
  return error instanceof TypeError && error.cause !== undefined ? error.cause : error;
}
