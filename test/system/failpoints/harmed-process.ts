import { fork } from "node:child_process";
import { once } from "node:events";
import { guardAgainstKill } from "../../support/kill-guard.ts";
import { admitStart } from "../../support/admitted-start.ts";
import { compileCache, programFile } from "../../support/programs.ts";
import type { Arming, FromChild, ToChild } from "./child/messages.ts";
import type { ApiPoint, WorkerPoint } from "./points.ts";

/** A child process of a fleet that stops at a point. */
export interface HarmedProcess {
  readonly kind: HarmedProcessKind;
  /** Its name in the fleet. */
  readonly id: string;
  /** Of an API; ends with `/v1`. */
  readonly baseUrl: string;
  /** `about`: a regular expression for what the step is about, when not every such step counts. */
  arm(point: Point, about?: string): Promise<void>;
  /** Resolves when it has stopped at the point that was armed last. */
  reached(): Promise<Reached>;
  /** Does nothing when it has ended. */
  kill(): Promise<void>;
  hasEnded(): boolean;
  /** Lets it go on. */
  thaw(): void;
  /** Asks it to end in order, and does not wait for it. */
  askToEnd(): void;
  /** Steps that it took and that have no point. */
  readonly unnamed: readonly string[];
}

interface Reached {
  /** The jobs that the step is about. */
  readonly jobs: readonly string[];
  /** The points that it passed since it was armed. */
  readonly passed: readonly string[];
}

export interface HarmedProcessOptions {
  readonly env: Readonly<Record<string, string>>;
  /** Armed from its first step on; then nobody waits until it runs. */
  readonly atStart?: { readonly point: Point; readonly about?: string };
}

export type HarmedProcessKind = keyof typeof programs;

type Point = ApiPoint | WorkerPoint;

const START_MS = 200_000;
const REACH_MS = 200_000;
const programs = { worker: "failing-worker", api: "failing-api" } as const;

/** Forks one; the caller kills it. */
export async function startHarmedProcess(
  kind: HarmedProcessKind,
  { env, atStart }: HarmedProcessOptions,
): Promise<HarmedProcess> {
  const { PATH, HOME } = process.env;
  const hasStarted = await admitStart();
  const child = fork(programFile(programs[kind]), [], {
    execArgv: [],
    env: {
      PATH,
      HOME,
      ...env,
      ...compileCache(),
      ...(atStart && { FAILPOINT: JSON.stringify(arming(atStart.point, atStart.about)) }),
    },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  // Should this process be killed, the stopped one must not stay.
  const guard = guardAgainstKill({ signal: "KILL", directories: [] });
  guard.watch(child.pid);
  const closed = once(child, "close");
  let output = "";
  child.stderr?.on("data", (bytes: Buffer) => (output += bytes.toString("utf8")));
  const runs = Promise.withResolvers<Extract<FromChild, { runs: string }>>();
  const armed = new Map<string, () => void>();
  let reached = Promise.withResolvers<Reached>();
  const unnamed: string[] = [];
  let armedPoint: string | undefined = atStart?.point;
  child.once("message", hasStarted);
  child.once("close", hasStarted);
  child.on("message", (message: FromChild) => {
    if ("runs" in message) runs.resolve(message);
    else if ("armed" in message) armed.get(message.armed)?.();
    else if ("unnamed" in message) unnamed.push(message.unnamed);
    else {
      const jobs = [...new Set(message.about.match(/job_[0-9a-z]+/g))];
      reached.resolve({ jobs, passed: message.passed });
    }
  });
  child.on("close", () => {
    const error = new Error(`the ${kind} ended: ${output.slice(-2_000)}`);
    runs.reject(error);
    reached.reject(error);
  });
  for (const { promise } of [runs, reached]) promise.catch(() => undefined);
  const say = (message: ToChild): void => void child.send(message);
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
    guard.watch(undefined);
    guard.release();
  };
  try {
    const { runs: id, url } = await (atStart === undefined
      ? within(START_MS, runs.promise, () => `the ${kind} does not run: ${output}`)
      : { runs: "", url: undefined });
    return {
      kind,
      id,
      baseUrl: `${url ?? ""}/v1`,
      async arm(point, about) {
        armedPoint = point;
        reached = Promise.withResolvers<Reached>();
        reached.promise.catch(() => undefined);
        const heard = new Promise<void>((resolve) => armed.set(point, resolve));
        say({ arm: arming(point, about) });
        await heard;
      },
      reached: () =>
        within(REACH_MS, reached.promise, () => `"${armedPoint}" was not reached: ${output}`),
      kill,
      hasEnded: () => child.exitCode !== null || child.signalCode !== null,
      thaw: () => void child.kill("SIGCONT"),
      askToEnd: () => say({ stop: true }),
      unnamed,
    };
  } catch (error) {
    await kill();
    throw error;
  }
}

function arming(point: Point, about = ""): Arming {
  return { point, about };
}

async function within<Value>(
  ms: number,
  promise: Promise<Value>,
  complaint: () => string,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint())), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
