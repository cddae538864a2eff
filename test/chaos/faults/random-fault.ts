import type { Fault as UpstreamFault } from "../../../cli/simulate/faults.ts";
import {
  processNames,
  providers,
  type LineName,
  type ProcessName,
  type ProviderName,
} from "../fleet/chaos-fleet.ts";
import type { SeededRandom } from "../seeded-random.ts";
import type { LineProblem, PlannedFault } from "./fault.ts";

const PROVIDER_NAMES = Object.keys(providers) as ProviderName[];

const WEIGHTS: Readonly<Record<string, number>> = {
  "kill worker": 14,
  "kill api": 5,
  "freeze worker": 9,
  "freeze api": 4,
  "terminate worker": 5,
  "terminate api": 3,
  "redis flush": 5,
  "redis restart": 5,
  "redis freeze": 3,
  "postgres sessions": 4,
  "postgres freeze": 3,
  "postgres restart": 3,
  "redis line": 9,
  "postgres line": 9,
  "upstream line": 6,
  upstream: 9,
  slots: 4,
};

/** Makes a fault of a random kind and length. */
export function randomFault(random: SeededRandom): Omit<PlannedFault, "atMs"> {
  const between = (fromMs: number, toMs: number): number => random.int(fromMs, toMs);
  const process = (kind: string): ProcessName =>
    random.pick(processNames.filter((name) => name.startsWith(kind)));
  const what = random.weighted(WEIGHTS);
  switch (what) {
    case "kill worker":
    case "kill api":
      return {
        forMs: random.chance(0.5) ? 0 : between(1_000, 8_000),
        fault: { kind: "kill", process: process(what.slice(5)) },
      };
    case "freeze worker":
      return {
        forMs: between(1_000, 12_000),
        fault: { kind: "freeze", process: process("worker") },
      };
    case "freeze api":
      return { forMs: between(1_000, 6_000), fault: { kind: "freeze", process: process("api") } };
    case "terminate worker":
    case "terminate api":
      return { forMs: 0, fault: { kind: "terminate", process: process(what.slice(10)) } };
    case "redis flush":
      return { forMs: 0, fault: { kind: "redis flush" } };
    case "redis freeze":
      return { forMs: between(1_000, 20_000), fault: { kind: "redis freeze" } };
    case "redis restart":
      return {
        forMs: between(0, 5_000),
        fault: { kind: "redis restart", forgets: random.chance(0.7) },
      };
    case "postgres sessions":
      return { forMs: 0, fault: { kind: "postgres sessions" } };
    case "postgres freeze":
      return { forMs: between(1_000, 20_000), fault: { kind: "postgres freeze" } };
    case "postgres restart":
      return { forMs: between(0, 5_000), fault: { kind: "postgres restart" } };
    case "redis line":
      return lineFault(random, `redis of ${random.pick(processNames)}`);
    case "postgres line":
      return lineFault(random, `postgres of ${random.pick(processNames)}`);
    case "upstream line":
      return upstreamLineFault(random);
    case "upstream":
      return {
        forMs: between(2_000, 8_000),
        fault: {
          kind: "upstream",
          provider: random.pick(PROVIDER_NAMES),
          fault: upstreamFault(random),
        },
      };
    default: {
      const provider = random.pick(PROVIDER_NAMES);
      const slots = random.int(1, providers[provider].slots);
      return { forMs: 0, fault: { kind: "slots", provider, slots } };
    }
  }
}

function lineFault(random: SeededRandom, line: LineName): Omit<PlannedFault, "atMs"> {
  const type = random.weighted({
    latency: 3,
    stall: 2,
    drop: 2,
    refuse: 2,
    reset: 3,
    half: 2,
    cut: 3,
  });
  const lasting = random.int(1_000, 10_000);
  const problems: Readonly<Record<typeof type, LineProblem>> = {
    latency: { type: "latency", ms: random.int(5, 400) },
    stall: { type: "stall" },
    drop: { type: "drop" },
    refuse: { type: "refuse" },
    reset: { type: "reset" },
    half: { type: "half-open" },
    cut: cut(random, 20_000),
  };
  const isLasting = type !== "reset" && type !== "half" && type !== "cut";
  return { forMs: isLasting ? lasting : 0, fault: { kind: "line", line, problem: problems[type] } };
}

/**
 * None of these faults keeps a hang-up from the upstream for long; otherwise no broker could know
 * which slots are taken there.
 */
function upstreamLineFault(random: SeededRandom): Omit<PlannedFault, "atMs"> {
  const line: LineName = `upstream ${random.pick(PROVIDER_NAMES)}`;
  const type = random.weighted({ latency: 2, refuse: 2, reset: 2, half: 2, cut: 3 });
  const lasting = random.int(1_000, 8_000);
  const problems: Readonly<Record<typeof type, LineProblem>> = {
    latency: { type: "latency", ms: random.int(5, 300) },
    refuse: { type: "refuse" },
    reset: { type: "reset" },
    half: { type: "half-open" },
    cut: cut(random, 100_000),
  };
  const forMs = type === "latency" || type === "refuse" ? lasting : 0;
  return { forMs, fault: { kind: "line", line, problem: problems[type] } };
}

function cut(random: SeededRandom, mostBytes: number): LineProblem {
  const towards = random.chance(0.5) ? "client" : "server";
  return { type: "cut", bytes: random.int(1, mostBytes), towards };
}

/** Makes a fault with which an upstream fails a part of its calls. */
function upstreamFault(random: SeededRandom): UpstreamFault {
  const probability = random.pick([0.2, 0.5, 1]);
  const afterTokens = random.int(0, 30);
  return random.pick<UpstreamFault>([
    { type: "status", status: 503, probability },
    { type: "status", status: 429, headers: { "retry-after": "1" }, probability },
    { type: "cut", afterTokens, probability },
    { type: "fin", afterTokens, probability },
    { type: "drop", probability },
    { type: "in_band_error", afterTokens, probability },
    { type: "hang", probability: 0.2 },
    { type: "hang_after", tokens: afterTokens, probability: 0.2 },
    { type: "slow_body", bytesPerSecond: 20_000, probability: 0.2 },
    { type: "wrong_usage", usage: "absent", probability },
  ]);
}
