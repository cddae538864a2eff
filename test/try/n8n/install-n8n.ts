import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { nodeEnv } from "../clients/npm-package.ts";
import { installed } from "../run/cache-dir.ts";
import { runCommand } from "../run/run-command.ts";

/** Of the versions after it, none could be installed: they ask for a package that npm does not have. */
const n8nVersion = "2.41.1";

const timeoutMs = 60 * 60_000;

/**
 * Installs n8n from npm and returns the path of its program. Of all the installation scripts of its
 * packages only SQLite's runs, which fetches a binding from GitHub, or builds one where it cannot.
 */
export async function installN8n(): Promise<string> {
  const dir = await installed(`n8n-${n8nVersion}`, `npm n8n@${n8nVersion}`, async (made) => {
    await writeFile(join(made, "package.json"), '{"private":true}\n');
    const step = { cwd: made, logFile: join(made, "install.log"), timeoutMs };
    const quiet = ["--no-audit", "--no-fund", "--ignore-scripts"];
    await runCommand("npm", ["install", ...quiet, "--save-exact", `n8n@${n8nVersion}`], {
      ...step,
      env: nodeEnv,
    });
    await runCommand("npm", ["rebuild", "sqlite3"], {
      ...step,
      env: { ...nodeEnv, ...nodeHeaders() },
    });
  });
  return join(dir, "node_modules", ".bin", "n8n");
}

/** Where node-gyp finds the headers of the Node that runs this; it fetches them when they are not there. */
function nodeHeaders(): Record<string, string> {
  const root = dirname(dirname(process.execPath));
  const platform = `node-${process.platform}-${process.arch}`;
  const found = [root, join(root, "node_modules", platform), join(dirname(root), platform)].find(
    (each) => existsSync(join(each, "include", "node", "node_api.h")),
  );
  return found === undefined ? {} : { npm_config_nodedir: found };
}
