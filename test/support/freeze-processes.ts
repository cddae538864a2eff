import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

interface Process {
  readonly pid: number;
  readonly parent: number;
  /**
   * `T` means stopped and `Z` ended. `D` waits in the kernel, perhaps for a child that is frozen
   * before its exec; once a stop signal is pending, it does not return from there.
   */
  readonly state: string;
}

const POLL_MS = 2;

/**
 * Stops a process and its descendants, as when a machine hangs. Resolves when none of them runs any
 * more, with a function that continues them.
 */
export async function freezeProcesses(root: number): Promise<() => void> {
  const frozen = new Set<number>();
  // Until a process has really stopped it may start others, so a second look must find nothing new.
  for (let quietLooks = 0; quietLooks < 2; await sleep(POLL_MS)) {
    const tree = treeBelow(root, await listProcesses());
    if (tree.length === 0) throw new Error(`there is no process ${root} to freeze`);
    const running = tree.filter(
      ({ pid, state }) => !/^[TZ]/.test(state) && !(frozen.has(pid) && state.startsWith("D")),
    );
    for (const { pid } of running) {
      frozen.add(pid);
      signal(pid, "SIGSTOP");
    }
    quietLooks = running.length === 0 ? quietLooks + 1 : 0;
  }
  return () => {
    for (const pid of [...frozen].toReversed()) signal(pid, "SIGCONT");
  };
}

function treeBelow(root: number, processes: readonly Process[]): Process[] {
  const tree = processes.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...processes.filter(({ parent }) => parent === pid));
  return tree;
}

async function listProcesses(): Promise<Process[]> {
  // Small Linux images have no `ps`, and other systems have no /proc.
  if (process.platform === "linux") return await readProc();
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,stat="]);
  return stdout
    .trim()
    .split("\n")
    .map((line) => {
      const [pid, parent, state = ""] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), state };
    });
}

async function readProc(): Promise<Process[]> {
  const processes: Process[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => ""); // The process may have ended meanwhile.
    // The name is in parentheses, and may itself contain some.
    const [, state, parent] = /\) (\S) (\d+) [^)]*$/.exec(stat) ?? [];
    if (state !== undefined) processes.push({ pid: Number(name), parent: Number(parent), state });
  }
  return processes;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
