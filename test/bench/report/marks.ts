import type { Measurement } from "../measure/measure.ts";
import type { SystemName } from "../systems/system.ts";

/** A promise about speed, as measured. */
export interface Mark {
  readonly name: string;
  readonly wanted: string;
  readonly got: string;
  readonly isMet: boolean;
}

/** Returns the marks that these measurements can decide. */
export function marks(measurements: readonly Measurement[]): Mark[] {
  return [false, true].flatMap((slowCommits) => marksOf(measurements, slowCommits));
}

function marksOf(measurements: readonly Measurement[], slowCommits: boolean): Mark[] {
  const suffix = slowCommits ? ", slow commits" : "";
  /** Systems that commit nothing are not measured again with slow commits. */
  const find = (system: SystemName, connections: number, stream = false): Measurement | undefined =>
    measurements.find(
      (m) =>
        m.system === system &&
        m.connections === connections &&
        m.bodyBytes === 1024 &&
        m.stream === stream &&
        m.slowCommits === (slowCommits && (system === "embedded" || system === "split")),
    );
  const found: Mark[] = [];
  const compare = (
    systems: readonly [SystemName, SystemName],
    connections: number,
    decide: (ours: Measurement, theirs: Measurement) => Mark,
    stream = false,
  ): void => {
    const [ours, theirs] = systems.map((system) => find(system, connections, stream));
    if (ours === undefined || theirs === undefined) return;
    const mark = decide(ours, theirs);
    found.push({ ...mark, name: mark.name + suffix });
  };

  compare(["split", "portkey"], 256, (ours, theirs) => {
    const ratio = ours.perSecond / theirs.perSecond;
    return {
      name: "requests/s at 256 connections, of Portkey's",
      wanted: "≥ 1.3 ×",
      got: `${ratio.toFixed(2)} × (${ours.perSecond.toFixed(0)} : ${theirs.perSecond.toFixed(0)})`,
      isMet: ratio >= 1.3,
    };
  });
  compare(["split", "portkey"], 256, (ours, theirs) => {
    const { API = 0, worker = 0, Redis = 0 } = ours.cpuMs;
    const { gateway = 0 } = theirs.cpuMs;
    const ratio = (API + worker + Redis) / gateway;
    return {
      name: "CPU of API, worker and Redis per request at 256 connections, of Portkey's",
      wanted: "≤ 0.7 ×",
      got: `${ratio.toFixed(2)} × (${(API + worker + Redis).toFixed(2)} ms : ${gateway.toFixed(2)} ms)`,
      isMet: ratio <= 0.7,
    };
  });
  compare(["embedded", "embedded"], 128, ({ perSecond }) => ({
    name: "requests/s of the embedded default at 128 connections",
    wanted: "≥ 500",
    got: perSecond.toFixed(0),
    isMet: perSecond >= 500,
  }));
  for (const system of ["split", "embedded"] as const) {
    compare([system, "upstream"], 1, (ours, theirs) =>
      added(
        `median latency added at one connection, ${system}`,
        8,
        ours.latencyMs,
        theirs.latencyMs,
      ),
    );
    compare(
      [system, "upstream"],
      32,
      (ours, theirs) =>
        added(
          `median time to the first token added at 32 streams, ${system}`,
          10,
          ours.firstTokenMs,
          theirs.firstTokenMs,
        ),
      true,
    );
  }
  return found;
}

interface Median {
  readonly p50: number;
}

function added(
  name: string,
  wantedMs: number,
  ours: Median | undefined,
  theirs: Median | undefined,
): Mark {
  const ms = (ours?.p50 ?? Number.NaN) - (theirs?.p50 ?? Number.NaN);
  return { name, wanted: `≤ ${wantedMs} ms`, got: `${ms.toFixed(1)} ms`, isMet: ms <= wantedMs };
}
