import { askedLater, type Way } from "./asked-later.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";
import type { Scenario } from "./worker-scenarios.ts";

/** The harmed process is the only worker, and runs an accepted job. */
function runsLater(
  way: Way,
  model = "plain",
  prepare: (fleet: SurvivingFleet) => void = () => undefined,
): Scenario {
  return async (fleet, point, about) => {
    const harmed = await fleet.harmed.running("worker");
    await fleet.stopWorkers();
    await harmed.arm(point, about);
    prepare(fleet);
    const [api] = fleet.apis;
    if (api === undefined) throw new Error("no API survives");
    return { harmed, asks: [askedLater(fleet, api, { way, model })], atStake: "all" };
  };
}

export const runsAsync = runsLater("async");
export const runsUnreadStream = runsLater("async stream");
export const runsBackground = runsLater("background");
export const runsStream = runsLater("stream");
/** The job fails at one provider and goes on at the other, queued by the harmed process. */
export const movesLater = runsLater("async", "spill", ({ upstreams }) =>
  upstreams["gpu-a"]?.setFault({ type: "status", status: 500, times: 1 }),
);
