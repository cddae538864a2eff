import { readdirSync, readFileSync } from "node:fs";

/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick. */
const MS_PER_TICK = 10;

interface ProcessStat {
  readonly parent: number;
  readonly ticks: number;
}

/**
 * Returns the number of the process that started this one. Throws when there is no such process.
 */
export function parentOf(pid: number): number {
  const stat = readProcess(String(pid));
  if (stat === undefined) throw new Error(`there is no process ${pid}`);
  return stat.parent;
}

/**
 * Returns the processor time, user and system, of each process and all its descendants since they
 * started, in milliseconds. The time of ended children counts for the process that waited for them.
 * The function is synchronous: on a busy machine, waiting in between would take longer than the
 * work that is measured.
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
    for (const [pid, stat] of processes) if (isBelow(pid, root)) ticks += stat.ticks;
    return ticks * MS_PER_TICK;
  });
}

/**
 * Reads all running processes. A process that ended between the reading of its parent and its own
 * would be counted by neither, so the list is read again until none has ended meanwhile.
 */
function readProcesses(): ReadonlyMap<number, ProcessStat> {
  let before = listProcesses();
  for (;;) {
    const after = listProcesses();
    if (before.keys().every((pid) => after.has(pid))) return after;
    before = after;
  }
}

function listProcesses(): Map<number, ProcessStat> {
  const processes = new Map<number, ProcessStat>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readProcess(entry);
    if (stat !== undefined) processes.set(Number(entry), stat);
  }
  return processes;
}

/**
 * Returns the time that all processors of the machine have worked since its start, in milliseconds.
 */
export function machineBusyMs(): number {
  const [first = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user = 0, nice = 0, system = 0, , , irq = 0, softIrq = 0] = first
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softIrq) * MS_PER_TICK;
}

function readProcess(pid: string): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // The process has ended.
  }
  // The name is in parentheses and may contain anything.
  const fields = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15);
  return { parent: fields[1] ?? 0, ticks: user + system + childrenUser + childrenSystem };
}
