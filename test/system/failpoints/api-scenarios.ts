import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { asked, type Asked } from "./asked.ts";
import type { Lane } from "./lane.ts";
import type { ApiPoint } from "./points.ts";
import type { Victim } from "./victim.ts";
import { findWaitingJob } from "./waiting-job.ts";

/** The victim is on its way to its point. */
interface ApiScene {
  readonly victim: Victim;
  /** The victim's caller waits for this. Undefined: it has no caller, or its caller is gone. */
  readonly ask: Promise<Asked> | undefined;
}

export type ApiScenario = (lane: Lane, point: ApiPoint) => Promise<ApiScene>;

/** The victim joins the fleet. */
export const comes: ApiScenario = async (lane, point) => ({
  victim: await lane.victim.start("api", { point }),
  ask: undefined,
});

/** The victim has a caller who waits for the answer. */
function answers(question: Parameters<typeof asked>[2], failing = false): ApiScenario {
  return async (lane, point) => {
    const victim = await lane.victim.running("api");
    if (failing) lane.upstreams["gpu-a"]?.setFault({ type: "status", status: 500, times: 1 });
    await victim.arm(point);
    return { victim, ask: asked(lane, victim, question) };
  };
}

export const answersWhole = answers({ model: "plain" });
/** The victim is new, so it has to look up the caller's key. */
export const answersFirst: ApiScenario = async (lane, point) => {
  await lane.victim.end();
  return await answersWhole(lane, point);
};
export const answersStream = answers({ model: "plain", stream: true });
export const answersFailing = answers({ model: "spill" }, true);
/** The answer is larger than what a reply message carries. */
export const answersLarge = answers({
  model: "large",
  content: "[sim output=34000]",
  maxTokens: 34_000,
});

/** No worker runs, so the victim's caller waits. */
export const waits: ApiScenario = async (lane, point) => {
  await lane.stopWorkers();
  const victim = await lane.victim.running("api");
  await victim.arm(point);
  return { victim, ask: asked(lane, victim, { model: "plain" }) };
};

/** No worker runs, and the deadline passes. */
export const waitsTooLong: ApiScenario = async (lane, point) => {
  await lane.stopWorkers();
  const victim = await lane.victim.running("api");
  await victim.arm(point);
  const headers = { "x-spillway-deadline-ms": "500" };
  return { victim, ask: asked(lane, victim, { model: "plain", headers }) };
};

/** No worker runs, and the caller hangs up. */
export const waitsInVain: ApiScenario = async (lane, point) => {
  await lane.stopWorkers();
  return await hangUp(lane, point, () => findWaitingJob(lane));
};

/** The upstream never answers, and the caller hangs up. */
export const runsInVain: ApiScenario = async (lane, point) => {
  const upstream = lane.upstreams["gpu-a"];
  upstream?.setFault({ type: "hang", times: 1 });
  return await hangUp(lane, point, () =>
    eventually(() => expect(upstream?.counters().running).toBe(1)),
  );
};

async function hangUp(
  lane: Lane,
  point: ApiPoint,
  ready: () => Promise<unknown>,
): Promise<ApiScene> {
  const victim = await lane.victim.running("api");
  const caller = new AbortController();
  const ask = asked(lane, victim, { model: "plain", signal: caller.signal });
  await ready();
  await victim.arm(point);
  caller.abort();
  await ask;
  return { victim, ask: undefined };
}
