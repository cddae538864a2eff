/** Properties of the file systems that decide whether a run may keep its files in memory. */
export interface FileSystem {
  /** The content of `/proc/mounts`. */
  readonly mounts: string;
  readonly freeBytes: number;
}

/** The directory where Linux keeps files in memory. */
export const MEMORY_FILES = "/dev/shm";

/** A run takes half a GiB; the rest is for everything else on the machine. */
const MIN_FREE_BYTES = 4 * 1024 ** 3;

/** Tells whether programs can be run from there, and there is enough space. */
export function canKeepFiles({ mounts, freeBytes }: FileSystem): boolean {
  const mount = mounts.split("\n").find((line) => line.split(" ")[1] === MEMORY_FILES);
  const [, , type, options = ""] = mount?.split(" ") ?? [];
  return type === "tmpfs" && !options.split(",").includes("noexec") && freeBytes >= MIN_FREE_BYTES;
}
