import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { asked, type Asked } from "./asked.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";
import type { ApiPoint } from "./points.ts";
import type { HarmedProcess } from "./harmed-process.ts";
import { findWaitingJob } from "./waiting-job.ts";

/** The harmed process is on its way to its point. */
interface ApiScene {
  readonly harmed: HarmedProcess;
  /**
   * The harmed process's caller waits for this. Undefined: it has no caller, or its caller is gone.
   */
  readonly ask: Promise<Asked> | undefined;
}

export type ApiScenario = (fleet: SurvivingFleet, point: ApiPoint) => Promise<ApiScene>;

/** The harmed process joins the fleet. */
export const comes: ApiScenario = async (fleet, point) => ({
  harmed: await fleet.harmed.start("api", { point }),
  ask: undefined,
});

/** The harmed process has a caller who waits for the answer. */
function answers(question: Parameters<typeof asked>[2], failing = false): ApiScenario {
  return async (fleet, point) => {
    const harmed = await fleet.harmed.running("api");
    if (failing) fleet.upstreams["gpu-a"]?.setFault({ type: "status", status: 500, times: 1 });
    await harmed.arm(point);
    return { harmed, ask: asked(fleet, harmed, question) };
  };
}

export const answersWhole = answers({ model: "plain" });
/** The harmed process is new, so it has to look up the caller's key. */
export const answersFirst: ApiScenario = async (fleet, point) => {
  await fleet.harmed.end();
  return await answersWhole(fleet, point);
};
export const answersStream = answers({ model: "plain", stream: true });
export const answersFailing = answers({ model: "spill" }, true);
/** The answer is larger than what a reply message carries. */
export const answersLarge = answers({
  model: "large",
  content: "[sim output=34000]",
  maxTokens: 34_000,
});

/** No worker runs, so the harmed process's caller waits. */
export const waits: ApiScenario = async (fleet, point) => {
  await fleet.stopWorkers();
  const harmed = await fleet.harmed.running("api");
  await harmed.arm(point);
  return { harmed, ask: asked(fleet, harmed, { model: "plain" }) };
};

/** No worker runs, and the deadline passes. */
export const waitsTooLong: ApiScenario = async (fleet, point) => {
  await fleet.stopWorkers();
  const harmed = await fleet.harmed.running("api");
  await harmed.arm(point);
  const headers = { "x-spillway-deadline-ms": "1000" };
  return { harmed, ask: asked(fleet, harmed, { model: "plain", headers }) };
};

/** No worker runs, and the caller hangs up. */
export const waitsInVain: ApiScenario = async (fleet, point) => {
  await fleet.stopWorkers();
  return await hangUp(fleet, point, () => findWaitingJob(fleet));
};

/** The upstream never answers, and the caller hangs up. */
export const runsInVain: ApiScenario = async (fleet, point) => {
  const upstream = fleet.upstreams["gpu-a"];
  upstream?.setFault({ type: "hang", times: 1 });
  return await hangUp(fleet, point, () =>
    eventually(() => expect(upstream?.counters().running).toBe(1)),
  );
};

async function hangUp(
  fleet: SurvivingFleet,
  point: ApiPoint,
  ready: () => Promise<unknown>,
): Promise<ApiScene> {
  const harmed = await fleet.harmed.running("api");
  const caller = new AbortController();
  const ask = asked(fleet, harmed, { model: "plain", signal: caller.signal });
  await ready();
  await harmed.arm(point);
  caller.abort();
  await ask;
  return { harmed, ask: undefined };
}
