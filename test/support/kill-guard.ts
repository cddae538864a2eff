import { spawn } from "node:child_process";

/** Ends a server and removes its files should this process be killed. */
export interface KillGuard {
  /** The server's process from now on, negative: its group; undefined: it does not run. */
  watch(pid: number | undefined): void;
  /** All is ended and removed: nothing is left to do. */
  release(): void;
}

/**
 * A run that is killed runs no teardown. This shell waits for the end of its input, which comes
 * with the end of this process however it ends, and then does what is left to do.
 */
export function guardAgainstKill(options: {
  /** Ends the server at once; it may be frozen. */
  readonly signal: "KILL" | "QUIT";
  readonly directories: readonly string[];
}): KillGuard {
  // A frozen server takes the signal when it goes on; one that writes while it ends may need a
  // second removal.
  const script = `
    signal=$1; shift
    while read -r line; do pid=$line; done
    [ -n "$pid" ] && kill -"$signal" "$pid" && kill -CONT "$pid"
    [ $# -gt 0 ] && rm -rf "$@" && sleep 1 && rm -rf "$@"`;
  const guard = spawn("sh", ["-c", script, "sh", options.signal, ...options.directories], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.on("error", () => undefined); // a system without sh goes without
  guard.stdin.on("error", () => undefined);
  guard.unref();
  return {
    watch: (pid) => guard.stdin.write(`${pid ?? ""}\n`),
    release: () => guard.stdin.end("\n"),
  };
}
