import { writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { installed } from "../run/cache-dir.ts";
import { runCommand } from "../run/run-command.ts";

const TIMEOUT_MS = 60 * 60_000;

/** The environment that makes npm's programs run with the Node of this process. */
export const NPM_ENVIRONMENT = {
  PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`,
} as const;

/** Installs a package from npm in its own folder. Returns the path of its program. */
export async function installNpm(name: string, version: string, program: string): Promise<string> {
  const folder = `${name.replace(/^@[^/]*\//, "")}-${version}`;
  const dir = await installed(folder, `npm ${name}@${version}`, async (made) => {
    await writeFile(join(made, "package.json"), '{"private":true}\n');
    const args = ["install", "--no-audit", "--no-fund", "--save-exact", `${name}@${version}`];
    const logFile = join(made, "install.log");
    await runCommand("npm", args, {
      cwd: made,
      env: NPM_ENVIRONMENT,
      logFile,
      timeoutMs: TIMEOUT_MS,
    });
  });
  return join(dir, "node_modules", ".bin", program);
}
