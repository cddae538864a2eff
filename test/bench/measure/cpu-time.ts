import { readdirSync, readFileSync } from "node:fs";

/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick. */
const msPerTick = 10;

interface ProcessFacts {
  readonly parent: number;
  readonly ticks: number;
}

/** The number of the process that started this one. */
export function parentOf(pid: number): number {
  const facts = readProcess(String(pid));
  if (facts === undefined) throw new Error(`there is no process ${pid}`);
  return facts.parent;
}

/**
 * Processor time, user and system, of each process and all below it since they started, in
 * milliseconds. Children that have ended are counted by who waited for them. Reads at once, without
 * waiting in between: on a crowded machine that would take longer than what is measured.
 */
export function cpuTimes(roots: readonly number[]): number[] {
  const processes = readProcesses();
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

/**
 * Everything that runs. One that ended between the reading of its parent and its own would be
 * counted by neither, so the list is read again until nobody has ended meanwhile.
 */
function readProcesses(): ReadonlyMap<number, ProcessFacts> {
  let before = listProcesses();
  for (;;) {
    const after = listProcesses();
    if (before.keys().every((pid) => after.has(pid))) return after;
    before = after;
  }
}

function listProcesses(): Map<number, ProcessFacts> {
  const processes = new Map<number, ProcessFacts>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const facts = readProcess(entry);
    if (facts !== undefined) processes.set(Number(entry), facts);
  }
  return processes;
}

/** What all processors of the machine have worked since its start, in milliseconds. */
export function machineBusyMs(): number {
  const [first = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = first
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq) * msPerTick;
}

function readProcess(pid: string): ProcessFacts | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // It has ended.
  }
  // The name stands in parentheses and may hold anything.
  const fields = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15);
  return { parent: fields[1] ?? 0, ticks: user + system + childrenUser + childrenSystem };
}
