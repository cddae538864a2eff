import type { SameAs } from "./cases-of.ts";
import {
  movesLater,
  runsAsync,
  runsBackground,
  runsStream,
  runsUnreadStream,
} from "./later-scenarios.ts";
import type { KeeperPoint, RunPoint, WorkerPoint } from "./points.ts";
import type { WorkerCase } from "./worker-cases.ts";
import { clearsDeadApi, comes } from "./worker-scenarios.ts";

type Entry = WorkerCase | readonly WorkerCase[] | SameAs<WorkerPoint>;

const noJob = { ends: [], attempts: [] };
/** Nothing was lost but time. */
const first = { ends: ["answer"], attempts: [1] };
/** The attempt is closed, and another one answers. */
const again = { ends: ["answer"], attempts: [2] };
/** An answer that a reader has seen cannot begin again. */
const cutOrAgain = { ends: ["failed server_error", "answer"], attempts: [1, 2] };

export const killedKeeper: Readonly<Record<KeeperPoint, Entry>> = {
  "before announce": { scenario: runsAsync, ...again },
  "after announce": { scenario: runsBackground, ...again },
  "before append events": { scenario: runsStream, ...again },
  "after append events": [
    { scenario: runsStream, ...cutOrAgain },
    { scenario: runsUnreadStream, ...again },
  ],
  "before find waiting": { scenario: movesLater, ...again },
  "after find waiting": { sameAs: "before add entry" },
  "before add entry": { scenario: movesLater, ...again },
  "after add entry": { scenario: movesLater, ...again },
  // The worker claims webhooks all the time, so it may die before or after the job's attempt.
  "before claim webhooks": { scenario: runsAsync, ends: ["answer"], attempts: [1, 2] },
  "after claim webhooks": { sameAs: "webhook begun" },
  "webhook begun": { scenario: runsAsync, ...first },
  "webhook sent": { scenario: runsBackground, ...first },
  "webhook headers": { scenario: runsAsync, ...first },
  "webhook answered": { scenario: runsBackground, ...first },
  "before record webhook": { scenario: runsAsync, ...first },
  "after record webhook": { scenario: runsAsync, ...first },
  "before record lost": { scenario: clearsDeadApi, ...noJob },
  "after record lost": { sameAs: "before forget" },
  "before forget accepted": { scenario: comes, ...noJob },
  "after forget accepted": { sameAs: "before forget events" },
  "before forget events": { scenario: comes, ...noJob },
  "after forget events": { sameAs: "before forget webhooks" },
  "before forget webhooks": { scenario: comes, ...noJob },
  "after forget webhooks": { sameAs: "before forget files" },
};

/** Owned jobs pass these points too; other processes care for accepted jobs afterwards. */
export const killedRunLater: Readonly<Partial<Record<RunPoint, Entry>>> = {
  "before claim": { scenario: runsAsync, ...first },
  "after claim": { scenario: runsBackground, ...again },
  "call answered": { scenario: runsAsync, ...again },
  "before settle": { scenario: runsUnreadStream, ...again },
  "after settle": { scenario: runsAsync, ...first },
  "before move": { scenario: movesLater, ...again },
  "after move": { sameAs: "before find waiting" },
};

/** The worker stands still until the others declare it dead, and then goes on. */
export const frozenLater: Readonly<Partial<Record<WorkerPoint, WorkerCase>>> = {
  "before append events": { scenario: runsStream, ...again },
  "before settle": { scenario: runsBackground, ...again },
  "before add entry": { scenario: movesLater, ...again },
  "webhook sent": { scenario: runsAsync, ...first },
};
