import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installPython } from "../engines/python-packages.ts";
import type { TryOptions } from "../engines/try-engine.ts";
import { installed } from "../run/cache-dir.ts";
import { expect } from "../run/expect.ts";
import { type FlowResult, runFlows } from "../run/flow.ts";
import { exitCodeOf } from "../run/run-command.ts";
import { startPausingEngine } from "./pausing-engine.ts";
import { startSimulatedEngines } from "./simulated-engines.ts";

const VERSION = "3.57.0";
const SCRIPT = fileURLToPath(new URL("openai-flows.py", import.meta.url));

/** Each function of the script has the title of its flow. */
const FLOWS = {
  chat: "chat",
  stream: "chat, streamed with usage",
  pause: "a stream with ids and a pause of 16 s",
  parse: "parse, chat and responses",
  batch: "a batch whose results have unusual line ends",
  uploads: "a file in parts, and a response about it",
  background: "a background response, left and resumed",
  webhooks: "a webhook with its signature",
  spent: "a spent budget",
} as const;

/** Tries the Python package with simulated engines. */
export async function tryOpenaiPython({ runDir, only }: TryOptions): Promise<FlowResult[]> {
  const dir = await installed(
    `openai-python-${VERSION}`,
    `PyPI openai==${VERSION}`,
    async (made) => {
      await installPython(made, [`openai==${VERSION}`]);
    },
  );
  const pausing = await startPausingEngine();
  const engines = await startSimulatedEngines(runDir, { pausing: pausing.url });
  try {
    const { url, key } = engines.broker;
    const keys = {
      rich: await key({ name: "python" }),
      spent: await key({ name: "spent", budget: { limit_usd: "0.000001", period: "total" } }),
    };
    const chosen = Object.entries(FLOWS).map(([name, title]) => ({
      name: title,
      async run() {
        const logFile = join(runDir, `python-${name}.log`);
        const env = {
          OPENAI_BASE_URL: `${url}/v1`,
          OPENAI_API_KEY: name === "spent" ? keys.spent : keys.rich,
        };
        const python = join(dir, "venv", "bin", "python");
        const code = await exitCodeOf(python, [SCRIPT, name], { env, logFile, timeoutMs: 110_000 });
        const printed = (await readFile(logFile, "utf8")).trim();
        // The last line of a traceback has the exception.
        expect(code === 0, printed.split("\n").at(-1) ?? "");
        return printed;
      },
    }));
    return await runFlows(
      chosen.filter(({ name }) => name.includes(only ?? "")),
      undefined,
    );
  } finally {
    await engines.stop();
    await pausing.close();
  }
}
