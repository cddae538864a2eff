import { readFile, readdir } from "node:fs/promises";

/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick. */
const msPerTick = 10;

interface ProcessFacts {
  readonly parent: number;
  readonly ticks: number;
}

/** The number of the process that started this one. */
export async function parentOf(pid: number): Promise<number> {
  const facts = await readProcess(String(pid));
  if (facts === undefined) throw new Error(`there is no process ${pid}`);
  return facts.parent;
}

/**
 * Processor time, user and system, of each process and all below it since they started, in
 * milliseconds. Children that have ended are counted by who waited for them.
 */
export async function cpuTimes(roots: readonly number[]): Promise<number[]> {
  const processes = new Map<number, ProcessFacts>();
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const facts = await readProcess(entry);
    if (facts !== undefined) processes.set(Number(entry), facts);
  }
  const isBelow = (pid: number, root: number): boolean => {
    for (let at = pid; at > 0; at = processes.get(at)?.parent ?? 0) if (at === root) return true;
    return false;
  };
  return roots.map((root) => {
    if (!processes.has(root)) throw new Error(`process ${root} has ended`);
    let ticks = 0;
    for (const [pid, facts] of processes) if (isBelow(pid, root)) ticks += facts.ticks;
    return ticks * msPerTick;
  });
}

/** What all processors of the machine have worked since its start, in milliseconds. */
export async function machineBusyMs(): Promise<number> {
  const [first = ""] = (await readFile("/proc/stat", "utf8")).split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = first
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq) * msPerTick;
}

async function readProcess(pid: string): Promise<ProcessFacts | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  // The name stands in parentheses and may hold anything.
  const fields = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15);
  return { parent: fields[1] ?? 0, ticks: user + system + childrenUser + childrenSystem };
}
