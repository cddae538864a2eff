/** What of a file system tells whether a run may keep its files there. */
export interface FileSystem {
  /** All that are mounted, as `/proc/mounts` lists them. */
  readonly mounts: string;
  readonly freeBytes: number;
}

/** Where Linux keeps files in memory. */
export const MEMORY_FILES = "/dev/shm";

/** A run takes half a GiB; what else the machine does needs the rest. */
const MIN_FREE_BYTES = 4 * 1024 ** 3;

/** Whether programs can run from there, too, and there is room enough. */
export function canKeepFiles({ mounts, freeBytes }: FileSystem): boolean {
  const mount = mounts.split("\n").find((line) => line.split(" ")[1] === MEMORY_FILES);
  const [, , type, options = ""] = mount?.split(" ") ?? [];
  return type === "tmpfs" && !options.split(",").includes("noexec") && freeBytes >= MIN_FREE_BYTES;
}
