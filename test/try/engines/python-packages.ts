import { join } from "node:path";
import { runCommand } from "../run/run-command.ts";

const timeoutMs = 30 * 60_000;

/**
 * Makes a virtual environment in `dir/venv` and installs packages into it. Returns its interpreter.
 *
 * @param overrides requirements that win over what packages demand of each other.
 */
export async function installPython(
  dir: string,
  packages: readonly string[],
  overrides?: string,
): Promise<string> {
  const logFile = join(dir, "install.log");
  const python = join(dir, "venv", "bin", "python");
  await runCommand("python3", ["-m", "venv", join(dir, "venv")], { logFile, timeoutMs });
  await runCommand(python, ["-m", "pip", "install", "-q", "uv==0.9.30"], { logFile, timeoutMs });
  const override = overrides === undefined ? [] : ["--override", overrides];
  await runCommand(
    join(dir, "venv", "bin", "uv"),
    ["pip", "install", "--python", python, "--no-cache", ...override, ...packages],
    { logFile, timeoutMs },
  );
  return python;
}
