import { parseArgs } from "node:util";
import type { LoadGenerator } from "./load/load-generator.ts";
import type { Window } from "./measure/measure.ts";
import { type GatewayName, gatewayNames, type SystemOptions } from "./systems/system.ts";

export interface BenchOptions {
  /** The upstream itself is not listed, because it is always measured. */
  readonly systems: readonly GatewayName[];
  readonly connections: readonly number[];
  readonly window: Window;
  /** A revision to compare this tree with, instead of the usual parts. */
  readonly against: string | undefined;
  /** How often compared builds take turns. */
  readonly rounds: number;
  /** Measures the effect of many rows, instead of the usual parts. */
  readonly rows: boolean;
  /** Measures batches, instead of the usual parts. */
  readonly batch: boolean;
  /** Profiles the broker, instead of the usual parts. */
  readonly profile: boolean;
}

/** Every part of the benchmark gets these arguments besides the options. */
export interface BenchRun extends Pick<SystemOptions, "runDir" | "cacheDir"> {
  readonly generator: LoadGenerator;
  readonly progress: (line: string) => void;
}

export const USAGE = `npm run bench -- [options]
  --quick              windows of 2 s instead of 4 s
  --seconds N          windows of N seconds
  --only a,b           of forwarder, portkey, embedded, split; the upstream itself always runs
  --connections 1,32   instead of 1,32,128,256
  --against REV        only: is this tree slower than that revision? Both run in turns.
  --rounds N           how often they do, instead of 3 times
  --rows               only: does a request cost more among 1,000,000 keys, finished and waiting jobs?
  --batch              only: does a batch use a GPU whole, and leave callers alone? Its memory.
  --profile            only: where Spillway's processor time goes at 128 connections`;

/** Reads the command line. Throws an `Error` that says what is wrong. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      seconds: { type: "string" },
      only: { type: "string" },
      connections: { type: "string" },
      against: { type: "string" },
      rounds: { type: "string", default: "3" },
      rows: { type: "boolean", default: false },
      batch: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
    },
  });
  const seconds = numberOf(values.seconds ?? (values.quick ? "2" : "4"), "--seconds");
  return {
    systems: (values.only?.split(",") ?? gatewayNames).map(systemNamed),
    connections: (values.connections ?? "1,32,128,256")
      .split(",")
      .map((text) => numberOf(text, "--connections")),
    window: { warmUpMs: Math.min(1_000, seconds * 250), windowMs: seconds * 1_000 },
    against: values.against,
    rounds: numberOf(values.rounds, "--rounds"),
    rows: values.rows,
    batch: values.batch,
    profile: values.profile,
  };
}

function numberOf(text: string, option: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${option}: ${text} is not a number above 0`);
  return value;
}

function systemNamed(text: string): GatewayName {
  const name = gatewayNames.find((known) => known === text);
  if (name === undefined) throw new Error(`--only: ${text} is none of ${gatewayNames.join(", ")}`);
  return name;
}
