/** Steps of a process, each with a point before and a point after it. */
type Around<Step extends string> = `before ${Step}` | `after ${Step}`;

/** A worker's start, its place in the fleet and its end; its sweeper and its mover. */
const fleetSteps = [
  "sync providers",
  "open periods",
  "register",
  "report health",
  "beat",
  "lock slots",
  "note slots",
  "free slot",
  "unlock slot",
  "unregister",
  "close lost",
  "end orphans",
  "forget",
  "wake for epoch",
  "due",
  "find entry",
  "overflow now",
  "reroute",
  "overflow",
  "notice enqueue",
  "notice end",
] as const;

/** A worker's run of an entry. */
const runSteps = [
  "run entry",
  "claim",
  "send started",
  "send head",
  "send chunk",
  "store payload",
  "send result",
  "settle",
  "send end",
  "move",
  "send enqueue",
  "end",
] as const;

/** Moments of a call to an upstream. */
const runMoments = ["call begun", "call sent", "call headers", "call answered"] as const;

const apiSteps = [
  "register",
  "beat",
  "find key",
  "rank",
  "accept",
  "add entry",
  "send ack",
  "fetch payload",
  "end",
  "send stop",
  "remove entry",
  "find ended",
] as const;

/** What has come from a worker and is about to be handed to its job. */
const apiMoments = [
  "received started",
  "received head",
  "received chunk",
  "received result",
  "received end",
  "received enqueue",
] as const;

export type FleetPoint = Around<(typeof fleetSteps)[number]>;
export type RunPoint = Around<(typeof runSteps)[number]> | (typeof runMoments)[number];
export type WorkerPoint = FleetPoint | RunPoint;
export type ApiPoint = Around<(typeof apiSteps)[number]> | (typeof apiMoments)[number];

export const fleetPoints: readonly FleetPoint[] = around(fleetSteps);
export const runPoints: readonly RunPoint[] = [...around(runSteps), ...runMoments];
export const workerPoints: readonly WorkerPoint[] = [...fleetPoints, ...runPoints];
export const apiPoints: readonly ApiPoint[] = [...around(apiSteps), ...apiMoments];

function around<Step extends string>(steps: readonly Step[]): Around<Step>[] {
  return steps.flatMap((step): Around<Step>[] => [`before ${step}`, `after ${step}`]);
}
