import { readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Where a process runs: processes of the same machine can see whether each other's numbers live. */
export interface ProcessPlace {
  /** Host and, in containers, the space in which the number counts. */
  readonly machine: string;
  readonly pid: number;
}

/** This process's place. */
export function ownPlace(): ProcessPlace {
  return { machine: `${hostname()} ${pidNamespace()}`, pid: process.pid };
}

/**
 * Whether a process has certainly ended, and the kernel has closed its sockets. Of another machine
 * nothing is known: false.
 */
export function hasEnded({ machine, pid }: ProcessPlace, own: ProcessPlace): boolean {
  if (machine !== own.machine) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return ""; // not Linux
  }
}
