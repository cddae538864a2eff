import { askedBatch, type BatchQuestion } from "./batch-asked.ts";
import type { SameAs } from "./cases-of.ts";
import type { FeederPoint, RunPoint, WorkerPoint } from "./points.ts";
import type { WorkerCase } from "./worker-cases.ts";
import { comes, type Scenario } from "./worker-scenarios.ts";

/** The harmed process is the only worker, and carries a batch from its file to its results. */
function feeds(question: BatchQuestion = {}): Scenario {
  return async (fleet, point, about) => {
    const harmed = await fleet.harmed.running("worker");
    await fleet.stopWorkers();
    await harmed.arm(point, about);
    return { harmed, asks: [askedBatch(fleet, question)], atStake: "all" };
  };
}

/** The harmed process stops in order while it has a batch. */
const leavesBatch: Scenario = async (fleet, point, about) => {
  const scene = await feeds()(fleet, point, about);
  setTimeout(() => scene.harmed.askToEnd(), 500);
  return scene;
};

/** A batch has no job of its own. */
const whole = { ends: ["answer"], attempts: [0] };
const noJob = { ends: [], attempts: [] };
const broken = { ends: ["failed invalid_json_line"], attempts: [0] };
const cancelled = { ends: ["cancelled"], attempts: [0] };

type Entry = WorkerCase | readonly WorkerCase[] | SameAs<WorkerPoint>;

export const killedFeeder: Readonly<Record<FeederPoint, Entry>> = {
  "before claim batches": { scenario: comes, ...noJob },
  "after claim batches": { sameAs: "before turn batch" },
  "before turn batch": { scenario: feeds(), ...whole },
  "after turn batch": { sameAs: "before add lines" },
  "before add lines": { scenario: feeds(), ...whole },
  "after add lines": { sameAs: "before begin batch" },
  "before begin batch": { scenario: feeds(), ...whole },
  "after begin batch": { sameAs: "before refuse line" },
  "before fail batch": { scenario: feeds({ isBroken: true }), ...broken },
  "after fail batch": { scenario: feeds({ isBroken: true }), ...broken },
  "before refuse line": { scenario: feeds(), ...whole },
  "after refuse line": { sameAs: "before accept" },
  "before accept": { scenario: feeds(), ...whole },
  "after accept": { scenario: feeds(), ...whole },
  "before sum batch": { sameAs: "before finish batch" },
  "after sum batch": { sameAs: "before finish batch" },
  "before pause batch": { scenario: feeds({ isCapped: true }), ...whole },
  "after pause batch": { sameAs: "before resume batch" },
  "before resume batch": { scenario: feeds({ isCapped: true }), ...whole },
  "after resume batch": { scenario: feeds({ isCapped: true }), ...whole },
  "before promote lines": { scenario: feeds({ isUrgent: true }), ...whole },
  "after promote lines": { scenario: feeds({ isUrgent: true }), ...whole },
  "before write lines": { scenario: feeds(), ...whole },
  "after write lines": { scenario: feeds(), ...whole },
  "before finish batch": { scenario: feeds(), ...whole },
  "after finish batch": { scenario: feeds(), ...whole },
  "before release batches": { scenario: leavesBatch, ...whole },
  "after release batches": { sameAs: "before unregister" },
  "before forget files": { scenario: comes, ...noJob },
  "after forget files": { sameAs: "before forget lines" },
  "before forget lines": { scenario: comes, ...noJob },
  "after forget lines": { sameAs: "before forget conversations" },
  "before forget conversations": { scenario: comes, ...noJob },
  "after forget conversations": { scenario: comes, ...noJob },
};

/** Other jobs pass these points too. */
export const killedRunOfBatch: Readonly<Partial<Record<RunPoint, Entry>>> = {
  "before end": { scenario: feeds({ isCancelled: true }), ...cancelled },
  "after end": { scenario: feeds({ isCancelled: true }), ...cancelled },
};

/** The worker stands still until the others declare it dead, and then goes on. */
export const frozenFeeder: Readonly<Partial<Record<WorkerPoint, WorkerCase>>> = {
  "before accept": { scenario: feeds(), ...whole },
  "before write lines": { scenario: feeds(), ...whole },
};
