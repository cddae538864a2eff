import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const CHECKOUT = fileURLToPath(new URL("../../../", import.meta.url));

/** The part of V8's profile that is read here; times are in microseconds. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface Share {
  readonly name: string;
  /** The share of the time in which the process was busy. */
  readonly share: number;
}

export interface ProfileSummary {
  readonly busyShare: number;
  /** Packages, parts of Node and files of this checkout are sorted by self time. */
  readonly modules: readonly Share[];
  readonly functions: readonly Share[];
}

/** Sums up the self times of a `.cpuprofile` between two moments of the monotonic clock. */
export async function readProfile(
  file: string,
  window: { readonly beganMs: number; readonly endedMs: number },
): Promise<ProfileSummary> {
  const profile = JSON.parse(await readFile(file, "utf8")) as CpuProfile;
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const modules = new Map<string, number>();
  const functions = new Map<string, number>();
  let atUs = profile.startTime;
  let busyUs = 0;
  let allUs = 0;
  for (const [index, sample] of profile.samples.entries()) {
    const spentUs = profile.timeDeltas[index] ?? 0;
    atUs += spentUs;
    if (atUs / 1000 < window.beganMs || atUs / 1000 > window.endedMs) continue;
    const frame = frames.get(sample);
    if (frame === undefined) continue;
    allUs += spentUs;
    if (frame.functionName === "(idle)") continue;
    busyUs += spentUs;
    const module = moduleOf(frame.url, frame.functionName);
    add(modules, module, spentUs);
    add(
      functions,
      `${frame.functionName || "(anonymous)"} ${module}:${frame.lineNumber + 1}`,
      spentUs,
    );
  }
  return {
    busyShare: busyUs / allUs,
    modules: sharesOf(modules, busyUs),
    functions: sharesOf(functions, busyUs),
  };
}

function moduleOf(url: string, functionName: string): string {
  if (url === "") return functionName.startsWith("(") ? functionName : "(native)";
  if (url.startsWith("node:")) return url.split("/").slice(0, 2).join("/");
  if (!url.startsWith("file:")) return `(${url.split(":")[0]})`;
  const path = fileURLToPath(url);
  const inPackage = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  return inPackage ?? path.replace(CHECKOUT, "");
}

function add(sums: Map<string, number>, name: string, us: number): void {
  sums.set(name, (sums.get(name) ?? 0) + us);
}

function sharesOf(sums: ReadonlyMap<string, number>, allUs: number): Share[] {
  return Array.from(sums, ([name, us]) => ({ name, share: us / allUs })).toSorted(
    (a, b) => b.share - a.share,
  );
}
