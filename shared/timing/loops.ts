import type { FastifyBaseLogger } from "fastify";
import type { Cadences } from "./cadences.ts";
import { every } from "./every.ts";

/** One loop of a process: its cadence, what it does in words for the log, and one run of it. */
export type Loop = readonly [cadence: keyof Cadences, doing: string, run: () => Promise<void>];

/** The loops of a process, all running. */
export interface Loops {
  /** Resolves when the runs under way have ended. */
  stop(): Promise<void>;
}

/** Starts the loops of a process. Of failures of a loop in a row, the first is logged. */
export function startLoops(
  loops: readonly Loop[],
  { cadences, log }: { cadences: Cadences; log: Pick<FastifyBaseLogger, "warn"> },
): Loops {
  const running = loops.map(([cadence, doing, run]) =>
    every(cadences[cadence], run, (error) => {
      log.warn({ err: error }, `${doing} failed; it will be tried again`);
    }),
  );
  return {
    async stop() {
      await Promise.all(running.map((loop) => loop.stop()));
    },
  };
}
