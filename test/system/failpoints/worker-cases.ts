import type { SameAs } from "./cases-of.ts";
import type { FleetPoint, RunPoint, WorkerPoint } from "./points.ts";
import {
  clearsDeadApi,
  clearsDeadWorker,
  comes,
  comesTooLate,
  findsNewEpoch,
  leaves,
  looksForEntry,
  overflows,
  overflowsFromDown,
  reroutes,
  shares,
  worksFailing,
  worksLarge,
  worksStalling,
  worksStream,
  worksWhole,
  type Scenario,
} from "./worker-scenarios.ts";

/** A worker dies at a point: this says how the jobs at stake there may end for their callers. */
export interface WorkerCase {
  readonly scenario: Scenario;
  /** A regular expression for what the step must be about. */
  readonly about?: string;
  /**
   * The job may end so for its caller, but never with a wrong answer or a part taken for the whole.
   */
  readonly ends: readonly string[];
  /** The job may have so many attempts in the ledger by then. */
  readonly attempts: readonly number[];
}

type Entry = WorkerCase | readonly WorkerCase[] | SameAs<WorkerPoint>;

const noJob = { ends: [], attempts: [] };
/** Nothing was lost but time. */
const first = { ends: ["answer"], attempts: [1] };
/** The attempt is closed as unknown, and another one answers. */
const again = { ends: ["answer"], attempts: [2] };
const cut = { ends: ["stream cut by answer_lost"], attempts: [1] };
/** Where the first part still waited to be sent, nothing has been forwarded. */
const cutOrAgain = { ends: [...cut.ends, ...again.ends], attempts: [1, 2] };
const late = { ends: ["504 deadline_exceeded"], attempts: [0] };

export const killedInFleet: Readonly<Record<FleetPoint, Entry>> = {
  "before sync providers": { scenario: comes, ...noJob },
  "after sync providers": { sameAs: "before open periods" },
  "before open periods": { scenario: comes, ...noJob },
  "after open periods": { sameAs: "before register" },
  "before register": { scenario: comes, ...noJob },
  "after register": { sameAs: "before report health" },
  "before report health": { scenario: comes, ...noJob },
  "after report health": { scenario: comes, ...noJob },
  "before beat": { scenario: comes, ...noJob },
  "after beat": { scenario: comes, ...noJob },
  "before lock slots": { scenario: comes, ...noJob },
  "after lock slots": { sameAs: "before hold slots" },
  "before hold slots": { scenario: comes, about: "\\[[0-9]", ...noJob },
  "after hold slots": { scenario: comes, about: "\\[[0-9]", ...noJob },
  "before free slot": { scenario: shares, ...noJob },
  "after free slot": { sameAs: "before unlock slot" },
  "before unlock slot": { scenario: shares, ...noJob },
  "after unlock slot": { scenario: shares, ...noJob },
  "before unregister": { scenario: leaves, ...noJob },
  "after unregister": { scenario: leaves, ...noJob },

  "before close lost": { scenario: clearsDeadWorker, about: "worker_gone", ...again },
  "after close lost": { sameAs: "before notice enqueue" },
  "before notice enqueue": { scenario: clearsDeadWorker, ...again },
  "after notice enqueue": { scenario: clearsDeadWorker, ...again },
  "before end jobs of dead owner": { scenario: clearsDeadApi, ...noJob },
  "after end jobs of dead owner": { scenario: clearsDeadApi, ...noJob },
  "before forget": { scenario: clearsDeadApi, ...noJob },
  "after forget": { scenario: clearsDeadApi, ...noJob },
  "before notice end": { scenario: comesTooLate, ...late },
  "after notice end": { scenario: comesTooLate, ...late },
  "before wake for epoch": { scenario: findsNewEpoch, ...first },
  "after wake for epoch": { scenario: findsNewEpoch, about: '"woken":[1-9]', ...first },
  "before due": { scenario: looksForEntry, ...first },
  "after due": { scenario: looksForEntry, about: "job_", ...first },
  "before find entry": { scenario: looksForEntry, ...first },
  "after find entry": { scenario: looksForEntry, ...first },
  "before overflow now": { scenario: overflowsFromDown, ...first },
  "after overflow now": { scenario: overflowsFromDown, ...first },
  "before reroute": { scenario: reroutes, ...first },
  "after reroute": { scenario: reroutes, about: "job_", ...first },
  "before overflow": { scenario: overflows, ...first },
  "after overflow": { scenario: overflows, about: "job_", ...first },
};

export const killedInRun: Readonly<Record<RunPoint, Entry>> = {
  "before run entry": { scenario: worksWhole, ...first },
  "before claim": { scenario: worksWhole, ...first },
  "after claim": { sameAs: "before send started" },
  "before send started": { scenario: worksWhole, ...again },
  "after send started": { scenario: worksWhole, ...again },
  "call begun": { scenario: worksWhole, ...again },
  "call sent": { scenario: worksWhole, ...again },
  "call headers": { scenario: worksWhole, ...again },
  "call answered": { sameAs: "before send result" },
  "before send head": { scenario: worksStream, ...again },
  // The first chunk may have been sent with the head.
  "after send head": { scenario: worksStalling, ...cutOrAgain },
  "before send chunk": { scenario: worksStream, ...again },
  "after send chunk": { scenario: worksStalling, ...cut },
  "before send result": [
    { scenario: worksWhole, ...again },
    { scenario: worksStream, ...cutOrAgain },
  ],
  // The ledger row may have been written or not, so this attempt answers, or another one.
  "after send result": { scenario: worksWhole, ends: ["answer"], attempts: [1, 2] },
  "before store payload": { scenario: worksLarge, ...again },
  "after store payload": { scenario: worksLarge, ...again },
  "before settle": [
    { scenario: worksWhole, ...again },
    { scenario: worksStream, ...cutOrAgain },
  ],
  "after settle": { sameAs: "before send end" },
  "before send end": [
    { scenario: worksWhole, ...first },
    // Chunks that still waited to be sent have held up the end.
    { scenario: worksStream, ends: [...first.ends, ...cut.ends], attempts: [1] },
  ],
  "after send end": { scenario: worksWhole, ...first },
  "after run entry": { scenario: worksWhole, ...first },
  "before move": { scenario: worksFailing, ...again },
  "after move": { sameAs: "before send enqueue" },
  "before send enqueue": { scenario: worksFailing, ...again },
  "after send enqueue": { scenario: worksFailing, ...again },
  "before end": { scenario: comesTooLate, ...late },
  "after end": { sameAs: "before notice end" },
};

/** The worker stands still until the others declare it dead, and then goes on. */
export const frozenWorker: Readonly<Partial<Record<WorkerPoint, WorkerCase>>> = {
  // The worker goes on as if it were in the fleet, runs the entry, and learns in the middle that it
  // was declared dead.
  "before run entry": { scenario: worksWhole, ends: ["answer"], attempts: [1, 2] },
  "after claim": { scenario: worksWhole, ...again },
  "call sent": { scenario: worksWhole, ...again },
  "after send chunk": { scenario: worksStalling, ...cut },
  "before settle": { scenario: worksWhole, ...again },
  "after settle": { scenario: worksWhole, ...first },
  "before send end": { scenario: worksWhole, ...first },
  "after move": { scenario: worksFailing, ...again },
  // The worker still holds the slots, and may take the job once more before it learns that it was
  // declared dead.
  "before close lost": {
    scenario: clearsDeadWorker,
    about: "worker_gone",
    ends: ["answer"],
    attempts: [2, 3],
  },
};
