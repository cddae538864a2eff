import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { tryCodex } from "./clients/try-codex.ts";
import { tryN8n } from "./clients/try-n8n.ts";
import { tryOpenaiPython } from "./clients/try-openai-python.ts";
import { startLlamacpp } from "./engines/start-llamacpp.ts";
import { startOllama } from "./engines/start-ollama.ts";
import { startVllm } from "./engines/start-vllm.ts";
import { tryEngine, type TryOptions } from "./engines/try-engine.ts";
import { cacheDir } from "./run/cache-dir.ts";
import { type FlowResult, resultTable } from "./run/flow.ts";

const PROGRAMS: Readonly<Record<string, (options: TryOptions) => Promise<FlowResult[]>>> = {
  vllm: (options) => tryEngine(startVllm, options),
  llamacpp: (options) => tryEngine(startLlamacpp, options),
  ollama: (options) => tryEngine(startOllama, options),
  codex: tryCodex,
  n8n: tryN8n,
  "openai-python": tryOpenaiPython,
};

const USAGE = `npm run try -- NAME [--only TEXT] [--record] [--keep]

Starts the real NAME, pinned and from its registry, puts the broker before it, runs the flows and
prints a table. Ends with 1 when a flow was not right. The first run installs, which takes minutes.

NAME is one of ${Object.keys(PROGRAMS).join(", ")}.
  --only TEXT  only the flows whose name has TEXT in it
  --record     engines: writes what they answer to test/fixtures/ instead
  --keep       leaves the folder of the run with all logs
`;

/** Runs one real program in its own folder. Returns the exit code. */
async function tryOne(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: "string" },
      record: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const run = PROGRAMS[positionals[0] ?? ""];
  if (values.help || run === undefined || positionals.length > 1) {
    process.stderr.write(USAGE);
    return values.help ? 0 : 2;
  }
  const runs = join(cacheDir(), "runs");
  await mkdir(runs, { recursive: true });
  const runDir = await mkdtemp(join(runs, `${positionals[0]}-`));
  // When root runs this, PostgreSQL has a user of its own, which must be able to pass through.
  await chmod(runDir, 0o711);
  try {
    const results = await run({ runDir, only: values.only, record: values.record });
    process.stdout.write(`${resultTable(results)}\n`);
    return results.length > 0 && results.every(({ right }) => right) ? 0 : 1;
  } finally {
    if (values.keep) process.stderr.write(`logs are in ${runDir}\n`);
    else await rm(runDir, { recursive: true, force: true });
  }
}

process.exitCode = await tryOne(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`try: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
