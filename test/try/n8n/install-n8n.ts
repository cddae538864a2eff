import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { NPM_ENVIRONMENT } from "../clients/npm-package.ts";
import { installed } from "../run/cache-dir.ts";
import { runCommand } from "../run/run-command.ts";

/** Later versions cannot be installed, because they require a package that npm does not have. */
const N8N_VERSION = "2.41.1";

const TIMEOUT_MS = 60 * 60_000;

/**
 * Installs n8n from npm and returns the path of its program. The only installation script that runs
 * is SQLite's, which fetches a binding from GitHub or builds one.
 */
export async function installN8n(): Promise<string> {
  const dir = await installed(`n8n-${N8N_VERSION}`, `npm n8n@${N8N_VERSION}`, async (made) => {
    await writeFile(join(made, "package.json"), '{"private":true}\n');
    const step = { cwd: made, logFile: join(made, "install.log"), timeoutMs: TIMEOUT_MS };
    const quiet = ["--no-audit", "--no-fund", "--ignore-scripts"];
    await runCommand("npm", ["install", ...quiet, "--save-exact", `n8n@${N8N_VERSION}`], {
      ...step,
      env: NPM_ENVIRONMENT,
    });
    await runCommand("npm", ["rebuild", "sqlite3"], {
      ...step,
      env: { ...NPM_ENVIRONMENT, ...nodeHeaders() },
    });
  });
  return join(dir, "node_modules", ".bin", "n8n");
}

/** Finds the headers of this Node for node-gyp, which downloads them when they are missing. */
function nodeHeaders(): Record<string, string> {
  const root = dirname(dirname(process.execPath));
  const platform = `node-${process.platform}-${process.arch}`;
  const found = [root, join(root, "node_modules", platform), join(dirname(root), platform)].find(
    (each) => existsSync(join(each, "include", "node", "node_api.h")),
  );
  return found === undefined ? {} : { npm_config_nodedir: found };
}
