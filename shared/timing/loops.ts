import type { FastifyBaseLogger } from "fastify";
import type { Activity } from "./activity.ts";
import type { Cadences } from "./cadences.ts";

/** A loop of a process. */
export type Loop = readonly [
  cadence: keyof Cadences,
  /** The words for the log when a run fails. */
  doing: string,
  run: () => Promise<void>,
  /** Returns true while the loop keeps its pace although there is nothing to do. */
  isUnsettled?: () => boolean,
];

export interface LoopsOptions {
  readonly cadences: Cadences;
  /** The pauses of loops that slow down while there is nothing to do. */
  readonly idleCadences: Partial<Cadences>;
  readonly activity: Activity;
  readonly log: Pick<FastifyBaseLogger, "warn">;
}

/** This much later than the loop before it, each loop has its first run. */
const APART_MS = 20;

/** The running loops of a process. */
export interface Loops {
  /** Stops all loops. Resolves when the runs in progress have ended. */
  stop(): Promise<void>;
}

/**
 * Starts the loops of a process, each with a pause between the end of one run and the start of the
 * next. Of several failures of a loop in a row, only the first is logged. The loops begin one after
 * the other and so stay apart: if all asked at once, the pool would open a connection for each.
 */
export function startLoops(loops: readonly Loop[], options: LoopsOptions): Loops {
  const stopped = new AbortController();
  const running = loops.map(async (loop, index) => {
    if (index > 0) await untilAborted(index * APART_MS, stopped.signal);
    await repeat(loop, options, stopped.signal);
  });
  return {
    async stop() {
      stopped.abort();
      await Promise.all(running);
    },
  };
}

async function repeat(loop: Loop, options: LoopsOptions, stopped: AbortSignal): Promise<void> {
  const [, doing, run] = loop;
  let isFailing = false;
  while (!stopped.aborted) {
    try {
      await run();
      isFailing = false;
    } catch (error) {
      if (!isFailing && !stopped.aborted)
        options.log.warn({ err: error }, `${doing} failed; it will be tried again`);
      isFailing = true;
    }
    await pause(loop, options, stopped);
  }
}

/**
 * A usual pause follows an idle pause that was ended early, so that loops do not all run at once.
 */
async function pause(
  [cadence, , , isUnsettled]: Loop,
  { cadences, idleCadences, activity }: LoopsOptions,
  stopped: AbortSignal,
): Promise<void> {
  const idleMs = idleCadences[cadence];
  const { idle } = activity;
  if (idleMs !== undefined && idle !== undefined && isUnsettled?.() !== true) {
    await untilAborted(idleMs, AbortSignal.any([stopped, idle]));
    if (!idle.aborted) return;
  }
  await untilAborted(cadences[cadence], stopped);
}

function untilAborted(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
