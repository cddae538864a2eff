import { readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** The place of a process. A process can see whether another one on the same machine lives. */
export interface ProcessPlace {
  /** The host name and, in containers, the namespace in which the `pid` counts. */
  readonly machine: string;
  readonly pid: number;
}

export function ownPlace(): ProcessPlace {
  return { machine: `${hostname()} ${pidNamespace()}`, pid: process.pid };
}

/**
 * Tells whether a process has certainly ended, so that the kernel has closed its sockets. It is
 * false for a process on another machine, of which nothing is known.
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
