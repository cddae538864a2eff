import { join } from "node:path";
import { runCommand } from "../run/run-command.ts";

const TIMEOUT_MS = 30 * 60_000;

/**
 * Makes a virtual environment in `dir/venv` and installs packages into it. Returns its interpreter.
 *
 * @param overrides requirements that replace what packages require of each other.
 */
export async function installPython(
  dir: string,
  packages: readonly string[],
  overrides?: string,
): Promise<string> {
  const logFile = join(dir, "install.log");
  const python = join(dir, "venv", "bin", "python");
  await runCommand("python3", ["-m", "venv", join(dir, "venv")], {
    logFile,
    timeoutMs: TIMEOUT_MS,
  });
  await runCommand(python, ["-m", "pip", "install", "-q", "uv==0.9.30"], {
    logFile,
    timeoutMs: TIMEOUT_MS,
  });
  const override = overrides === undefined ? [] : ["--override", overrides];
  await runCommand(
    join(dir, "venv", "bin", "uv"),
    ["pip", "install", "--python", python, "--no-cache", ...override, ...packages],
    { logFile, timeoutMs: TIMEOUT_MS },
  );
  return python;
}
