import { cadences, type Cadences } from "../../../shared/timing/cadences.ts";

/**
 * The pauses of survivors and of processes that will be killed. Five fleets side by side whose
 * loops run as often as in production fill a core, and no test needs these loops to be quick.
 */
export const slowerLoops: Cadences = {
  ...cadences,
  batch: 400,
  webhook: 500,
  overflow: 400,
  rest: 1_000,
  engine: 5_000,
  load: 5_000,
};
