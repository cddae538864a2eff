import { spawn } from "node:child_process";

/** A system account that a program runs as. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface RunProgramOptions {
  /** Undefined means the account of this process. */
  readonly user?: SystemUser | undefined;
  readonly cwd?: string;
}

export interface ProgramResult {
  readonly ok: boolean;
  /** Tells whether the program was not found, as opposed to a failed run. */
  readonly missing: boolean;
  /** The program's stdout and stderr, or why it could not be started. */
  readonly output: string;
}

/**
 * The environment is built from nothing, so that no `LC_*`, `LANG`, `PG*` or `TZ` of the host
 * reaches PostgreSQL. On Windows, Node itself adds what programs need.
 */
const ENVIRONMENT = {
  LC_ALL: "C",
  TZ: "UTC",
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

/** Child processes may hold the pipes after a program's end; their output is read for this long. */
const DRAIN_MS = 500;

/**
 * Runs a program to its end. It gets its own session, so that the terminal's Ctrl-C does not
 * interrupt it. Never throws: a program that cannot be started counts as failed.
 */
export function runProgram(
  file: string,
  args: readonly string[],
  options: RunProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      env: ENVIRONMENT,
      detached: true,
      windowsHide: true,
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.user === undefined ? {} : { uid: options.user.uid, gid: options.user.gid }),
    });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output += chunk.toString("utf8");
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", (error: NodeJS.ErrnoException) => {
      resolve({ ok: false, missing: error.code === "ENOENT", output: error.message });
    });
    const finish = (exitCode: number | null): void => {
      resolve({ ok: exitCode === 0, missing: false, output: output.trim() });
    };
    child.once("close", finish);
    child.once("exit", (exitCode) => {
      const drain = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        finish(exitCode);
      }, DRAIN_MS);
      child.once("close", () => clearTimeout(drain));
    });
  });
}
