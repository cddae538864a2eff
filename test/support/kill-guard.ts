import { spawn } from "node:child_process";

/** Ends a server and removes its files if this process is killed. */
export interface KillGuard {
  /**
   * Sets the server's process; a negative number is a group, and undefined means that none runs.
   */
  watch(pid: number | undefined): void;
  /** Says that everything has ended and was removed, so that nothing is left to do. */
  release(): void;
}

/**
 * Starts the guard, because a killed run does no teardown. The guard is a shell that waits for the
 * end of its input, which comes with the end of this process for any reason, and then does the
 * rest.
 */
export function guardAgainstKill(options: {
  /** The signal that ends the server at once, even when it is frozen. */
  readonly signal: "KILL" | "QUIT";
  readonly directories: readonly string[];
}): KillGuard {
  // A frozen server receives the signal when it continues. A server that writes while it ends may
  // make a second removal necessary.
  const script = `
    signal=$1; shift
    while read -r line; do pid=$line; done
    [ -n "$pid" ] && kill -"$signal" "$pid" && kill -CONT "$pid"
    [ $# -gt 0 ] && rm -rf "$@" && sleep 1 && rm -rf "$@"`;
  const guard = spawn("sh", ["-c", script, "sh", options.signal, ...options.directories], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.on("error", () => undefined); // A system without sh has no guard.
  guard.stdin.on("error", () => undefined);
  guard.unref();
  return {
    watch: (pid) => guard.stdin.write(`${pid ?? ""}\n`),
    release: () => guard.stdin.end("\n"),
  };
}
