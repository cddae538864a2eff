import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFailed, onTestFinished } from "vitest";
import { admitStart } from "../../support/admitted-start.ts";
import { eventually } from "../../support/eventually.ts";
import { compileCache, programFile } from "../../support/programs.ts";

const checkout = fileURLToPath(new URL("../../../", import.meta.url));
const sourceFile = join(checkout, "cli/spillway.ts");

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The child process leads a process group, as a command in a terminal does. */
export interface CommandProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<Ended>;
  /** Signals every process of the group, as Ctrl-C does. */
  signalGroup(signal: NodeJS.Signals): void;
}

/**
 * Only the variables that find programs, and those that start them faster, come from this process.
 */
function environment(given: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, ...compileCache(), ...given };
}

/**
 * Starts a program of the checkout. It is killed when the test ends; with `atEnd`, it is killed
 * when the function that `atEnd` gets is called.
 */
export function startProgram(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd = checkout,
  atEnd?: (kill: () => void) => void,
): CommandProcess {
  const child = spawn(file, args, {
    cwd,
    env: environment(env),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${file} did not start`);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString("utf8")));
  const signalGroup = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone.
    }
  };
  (atEnd ?? onTestFinished)(() => signalGroup("SIGKILL"));
  if (atEnd === undefined)
    onTestFailed(() => {
      const lines = `${output.stdout}${output.stderr}`.split("\n");
      console.error(`${args.join(" ")} wrote last:\n${lines.slice(-40).join("\n")}`);
    });
  return {
    child,
    pid,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    ended: once(child, "close").then(() => ({
      code: child.exitCode,
      signal: child.signalCode,
      ...output,
    })),
    signalGroup,
  };
}

/** Starts `spillway …` from its bundle. */
export function startCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
  atEnd?: (kill: () => void) => void,
): CommandProcess {
  return startProgram(process.execPath, [programFile("spillway"), ...args], env, cwd, atEnd);
}

/** Runs `spillway …` to its end. */
export function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): Promise<Ended> {
  return startCommand(args, env, cwd).ended;
}

/** Runs `spillway …` from source, as an installation does. */
export function runFromSource(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return startProgram(process.execPath, [sourceFile, ...args], env).ended;
}

/** The broker has reported that it runs. */
export interface BrokerProcess extends CommandProcess {
  readonly url: string;
  /** The readable lines of its start. */
  readonly welcome: readonly string[];
  /** The output of the start names this file with the admin key. */
  readonly adminKeyFile: string;
  /** It is empty without the demo. */
  readonly demoKey: string;
  /** Objects of the log so far. */
  log(): Record<string, unknown>[];
}

/** Starts `spillway serve` on a free port and waits until it reports that it runs. */
export async function startBroker(
  env: Readonly<Record<string, string>>,
  start: (env: Readonly<Record<string, string>>) => CommandProcess = serveDirectly,
): Promise<BrokerProcess> {
  const hasStarted = await admitStart();
  const started = start({ SPILLWAY_PORT: "0", ...env });
  let over: Ended | undefined;
  void started.ended.then((ended) => (over = ended));
  await eventually(() => {
    if (!/^(Try it:\n .*|Keys for .*)\n/m.test(started.stdout()) && over === undefined)
      throw new Error(`no welcome yet: ${started.stdout()}${started.stderr()}`);
  }).finally(hasStarted);
  if (over !== undefined) throw new Error(`the broker ended: ${JSON.stringify(over)}`);
  const lines = started.stdout().split("\n");
  const welcome = lines.filter((line) => line !== "" && !line.startsWith("{"));
  const find = (pattern: RegExp): string => pattern.exec(welcome.join("\n"))?.[1] ?? "";
  return {
    ...started,
    welcome,
    url: find(/runs at (\S+)/),
    adminKeyFile: find(/admin key +(?:in )?(\/\S+)/),
    demoKey: find(/Bearer (sk-\S+?)"/),
    log: () =>
      started
        .stdout()
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

/** Starts `spillway serve`, which is killed when the function that `atEnd` gets is called. */
export function serveUntil(
  atEnd: (kill: () => void) => void,
): (env: Readonly<Record<string, string>>) => CommandProcess {
  return (env) => startCommand(["serve"], env, undefined, atEnd);
}

function serveDirectly(env: Readonly<Record<string, string>>): CommandProcess {
  return startCommand(["serve"], env);
}

/** Starts `spillway serve` as an installation does. */
export function serveFromSource(env: Readonly<Record<string, string>>): CommandProcess {
  return startProgram(process.execPath, [sourceFile, "serve"], env);
}
