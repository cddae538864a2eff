/** Each step of a process has a point before and a point after it. */
type Around<Step extends string> = `before ${Step}` | `after ${Step}`;

/**
 * A worker takes these steps when it starts, while it has a place in the fleet, and when it ends.
 * Its sweeper and its mover take some of them.
 */
const fleetSteps = [
  "sync providers",
  "open periods",
  "register",
  "report health",
  "beat",
  "lock slots",
  "hold slots",
  "free slot",
  "unlock slot",
  "unregister",
  "close lost",
  "end jobs of dead owner",
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

/** Moments of an upstream call. */
const runMoments = ["call begun", "call sent", "call headers", "call answered"] as const;

/** A worker takes these steps for accepted jobs, which no process owns, and for webhooks. */
const keeperSteps = [
  "announce",
  "append events",
  "find waiting",
  "add entry",
  "claim webhooks",
  "record webhook",
  "record lost",
  "forget accepted",
  "forget events",
  "forget webhooks",
] as const;

/** A worker takes these steps for batches. Lines become jobs by `accept`, as in an API. */
const feederSteps = [
  "claim batches",
  "turn batch",
  "add lines",
  "begin batch",
  "fail batch",
  "refuse line",
  "accept",
  "sum batch",
  "pause batch",
  "resume batch",
  "promote lines",
  "write lines",
  "finish batch",
  "release batches",
  "forget files",
  "forget lines",
  "forget conversations",
] as const;

/** Moments of a webhook call. */
const webhookMoments = [
  "webhook begun",
  "webhook sent",
  "webhook headers",
  "webhook answered",
] as const;

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

/** An API takes these steps for accepted jobs. */
const hostSteps = [
  "find keyed",
  "read attempt",
  "delete",
  "expire",
  "record lost",
  "attach lost",
  "announce",
] as const;

/** A message has come from a worker and is about to be handed to its job. */
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
export type KeeperPoint = Around<(typeof keeperSteps)[number]> | (typeof webhookMoments)[number];
export type FeederPoint = Around<(typeof feederSteps)[number]>;
export type WorkerPoint = FleetPoint | RunPoint | KeeperPoint | FeederPoint;
export type HostPoint = Around<(typeof hostSteps)[number]>;
export type OwnerPoint = Around<(typeof apiSteps)[number]> | (typeof apiMoments)[number];

export type ApiPoint = OwnerPoint | HostPoint;

export const fleetPoints: readonly FleetPoint[] = around(fleetSteps);
export const runPoints: readonly RunPoint[] = [...around(runSteps), ...runMoments];
export const keeperPoints: readonly KeeperPoint[] = [...around(keeperSteps), ...webhookMoments];
export const feederPoints: readonly FeederPoint[] = around(feederSteps);
export const workerPoints: readonly WorkerPoint[] = [
  ...fleetPoints,
  ...runPoints,
  ...keeperPoints,
  ...feederPoints,
];
export const ownerPoints: readonly OwnerPoint[] = [...around(apiSteps), ...apiMoments];
export const hostPoints: readonly HostPoint[] = around(hostSteps);
export const apiPoints: readonly ApiPoint[] = [...ownerPoints, ...hostPoints];

function around<Step extends string>(steps: readonly Step[]): Around<Step>[] {
  return steps.flatMap((step): Around<Step>[] => [`before ${step}`, `after ${step}`]);
}
