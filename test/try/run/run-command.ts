import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";

interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The file for both outputs. */
  readonly logFile: string;
  /** After this time the process group is killed and the command has failed. */
  readonly timeoutMs: number;
}

const SHOWN_CHARACTERS = 3_000;
/** Variables that access to the registries may need: trusted certificates and proxies. */
const PASSED_ON =
  /^(PATH|HOME|LANG|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|PIP_.*|UV_.*|GO(PROXY|FLAGS|SUMDB|NOSUMDB|PRIVATE)|(HTTPS?|NO)_PROXY)$/i;

/**
 * Runs a command to its end, at the lowest priority and in its own process group. Resolves with its
 * exit code. Throws an `Error` when it cannot be started or takes too long.
 */
export async function exitCodeOf(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<number> {
  const log = openSync(options.logFile, "a");
  const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
  const child = spawn(file, args, {
    detached: true,
    env: { ...Object.fromEntries(passed), ...options.env },
    stdio: ["ignore", log, log],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  closeSync(log);
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup(child);
  }, options.timeoutMs);
  try {
    const [code] = (await once(child, "exit")) as [number | null];
    if (late) throw new Error(`${file} ran longer than ${options.timeoutMs} ms`);
    return code ?? 1;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a command that must succeed. Throws an `Error` with the end of the log otherwise. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<void> {
  const code = await exitCodeOf(file, args, options);
  if (code === 0) return;
  const log = await readFile(options.logFile, "utf8");
  throw new Error(`${file} ${args.join(" ")} ended with ${code}: ${log.slice(-SHOWN_CHARACTERS)}`);
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The group has ended meanwhile.
  }
}
