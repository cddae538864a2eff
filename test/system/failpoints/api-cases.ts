import type { SameAs } from "./cases-of.ts";
import {
  answersFailing,
  answersFirst,
  answersLarge,
  answersStream,
  answersWhole,
  comes,
  runsInVain,
  waits,
  waitsInVain,
  waitsTooLong,
  type ApiScenario,
} from "./api-scenarios.ts";
import type { ApiPoint, OwnerPoint } from "./points.ts";

/**
 * An API dies at a point: this says how its job ends. The caller's connection dies with the API.
 */
export interface ApiCase {
  readonly scenario: ApiScenario;
  /** `none`: there is no such job. In every case no hold stays. */
  readonly job: readonly string[];
  /** The endings that its caller may see. */
  readonly ends: readonly string[];
}

const lost = ["connection lost"];
const none = { job: ["none"], ends: lost };
/** The job was waiting, and nobody is left who waits for it. */
const cancelled = { job: ["cancelled"], ends: lost };
/** The job's entry waits too, so a new worker may take it before anyone knows of the death. */
const cancelledOrDone = { job: ["cancelled", "done"], ends: lost };
/** The job was running, and ran to its end. */
const done = { job: ["done"], ends: lost };

export const killedApi: Readonly<
  Record<OwnerPoint, ApiCase | readonly ApiCase[] | SameAs<ApiPoint>>
> = {
  "before register": { scenario: comes, ...none },
  "after register": { sameAs: "before beat" },
  "before beat": { scenario: comes, ...none },
  "after beat": { scenario: comes, ...none },

  "before find key": { scenario: answersWhole, ...none },
  "after find key": { sameAs: "before rank" },
  "before rank": { scenario: answersWhole, ...none },
  // The fair order is asked while the job is being accepted.
  "after rank": { scenario: answersWhole, job: ["none", "cancelled"], ends: lost },
  "before accept": { scenario: answersWhole, ...none },
  "after accept": { sameAs: "before add entry" },
  "before add entry": { scenario: answersWhole, ...cancelled },
  "after add entry": { scenario: answersWhole, ...done },
  "received started": { scenario: answersWhole, ...done },
  "received head": { scenario: answersStream, ...done },
  "received chunk": { scenario: answersStream, ...done },
  "received result": [
    { scenario: answersWhole, ...done },
    { scenario: answersStream, ...done },
  ],
  "before fetch payload": { scenario: answersLarge, ...done },
  "after fetch payload": { scenario: answersLarge, ...done },
  "received end": [
    { scenario: answersWhole, ...done },
    { scenario: answersStream, ...done },
  ],
  "before send ack": { scenario: answersWhole, ...done },
  // The answer may have been sent meanwhile.
  "after send ack": { scenario: answersWhole, job: ["done"], ends: ["answer", ...lost] },
  // The job has failed at one provider and cannot go to the other.
  "received enqueue": { scenario: answersFailing, ...cancelled },

  "before end": [
    { scenario: waitsTooLong, job: ["cancelled", "expired"], ends: lost },
    { scenario: waitsInVain, ...cancelledOrDone },
    { scenario: runsInVain, ...cancelled },
  ],
  // Where the caller has hung up, this is the same as before the entry is removed or the stop is
  // sent.
  "after end": { scenario: waitsTooLong, job: ["expired"], ends: lost },
  "before remove entry": { scenario: waitsInVain, ...cancelled },
  "after remove entry": { scenario: waitsInVain, ...cancelled },
  "before send stop": { scenario: runsInVain, ...cancelled },
  "after send stop": { scenario: runsInVain, ...cancelled },
  "before find ended": { scenario: waits, ...cancelledOrDone },
  "after find ended": { scenario: waits, ...cancelledOrDone },
};

/**
 * The API was declared dead while it stood still, and finds out. It is too late for a job that had
 * not begun.
 */
const tooLate = { ...cancelled, ends: ["503 unavailable"] };
const answered = { ...done, ends: ["answer"] };

export const frozenApi: Readonly<Partial<Record<ApiPoint, ApiCase>>> = {
  // An API that cannot accept within two seconds says so, and takes back what may have been
  // accepted. A job that is accepted before the API is back in the fleet may be found by a sweeper,
  // which sees no owner.
  "before accept": {
    scenario: answersFirst,
    job: ["failed", "done", "cancelled"],
    ends: ["503 unavailable", "answer"],
  },
  "after accept": { scenario: answersWhole, ...tooLate },
  "before add entry": { scenario: answersWhole, ...tooLate },
  "after add entry": { scenario: answersWhole, ...answered },
  "received started": { scenario: answersStream, ...answered },
  "received chunk": { scenario: answersStream, ...answered },
  "received result": { scenario: answersWhole, ...answered },
  "received end": { scenario: answersWhole, ...answered },
  "received enqueue": { scenario: answersFailing, ...tooLate },
  "after fetch payload": { scenario: answersLarge, ...answered },
};
