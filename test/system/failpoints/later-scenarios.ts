import { askedLater, type Way } from "./asked-later.ts";
import type { Lane } from "./lane.ts";
import type { Scenario } from "./worker-scenarios.ts";

/** The victim is the only worker, and runs an accepted job. */
function runsLater(
  way: Way,
  model = "plain",
  prepare: (lane: Lane) => void = () => undefined,
): Scenario {
  return async (lane, point, about) => {
    const victim = await lane.victim.running("worker");
    await lane.stopWorkers();
    await victim.arm(point, about);
    prepare(lane);
    const [api] = lane.apis;
    if (api === undefined) throw new Error("no API survives");
    return { victim, asks: [askedLater(lane, api, { way, model })], atStake: "all" };
  };
}

export const runsAsync = runsLater("async");
export const runsUnreadStream = runsLater("async stream");
export const runsBackground = runsLater("background");
export const runsStream = runsLater("stream");
/** The job fails at one provider and goes on at the other, queued by the victim. */
export const movesLater = runsLater("async", "spill", ({ upstreams }) =>
  upstreams["gpu-a"]?.setFault({ type: "status", status: 500, times: 1 }),
);
