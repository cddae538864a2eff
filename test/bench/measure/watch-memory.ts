import { residentBytes } from "../../system/fleet/resident-bytes.ts";

interface Grown {
  readonly before: number;
  readonly most: number;
}

const SAMPLE_MS = 100;

/** Watches the resident memory of named processes until it is stopped. Values are in bytes. */
export async function watchMemory<Name extends string>(
  pids: Readonly<Record<Name, number>>,
): Promise<{ stop(): Promise<Readonly<Record<Name, Grown>>> }> {
  const names = Object.keys(pids) as Name[];
  const sample = async (): Promise<Record<Name, number>> => {
    const all = await Promise.all(names.map((name) => residentBytes(pids[name])));
    return Object.fromEntries(names.map((name, at) => [name, all[at]])) as Record<Name, number>;
  };
  const before = await sample();
  const most = { ...before };
  const look = async (): Promise<void> => {
    const now = await sample();
    for (const name of names) most[name] = Math.max(most[name], now[name]);
  };
  const timer = setInterval(() => void look(), SAMPLE_MS);
  return {
    async stop() {
      clearInterval(timer);
      await look();
      return Object.fromEntries(
        names.map((name) => [name, { before: before[name], most: most[name] }]),
      ) as Record<Name, Grown>;
    },
  };
}
