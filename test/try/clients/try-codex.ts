import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TryOptions } from "../engines/try-engine.ts";
import { expect } from "../run/expect.ts";
import { type Flow, type FlowResult, runFlows } from "../run/flow.ts";
import { exitCodeOf } from "../run/run-command.ts";
import { installNpm, NPM_ENVIRONMENT } from "./npm-package.ts";
import {
  type SimulatedEngines,
  SIMULATED_MODELS,
  startSimulatedEngines,
} from "./simulated-engines.ts";

const VERSION = "0.171.0";

interface CodexContext extends SimulatedEngines {
  readonly program: string;
  readonly runDir: string;
  readonly key: string;
}

/** Tries Codex CLI with an engine that has responses of its own, and with one that has none. */
export async function tryCodex({ runDir, only }: TryOptions): Promise<FlowResult[]> {
  const program = await installNpm("@openai/codex", VERSION, "codex");
  const engines = await startSimulatedEngines(runDir);
  try {
    const key = await engines.broker.key({ name: "codex" });
    const flows = SIMULATED_MODELS.flatMap(flowsOf).filter(({ name }) => name.includes(only ?? ""));
    return await runFlows(flows, { ...engines, program, runDir, key });
  } finally {
    await engines.stop();
  }
}

function flowsOf(model: (typeof SIMULATED_MODELS)[number]): Flow<CodexContext>[] {
  return [
    {
      name: `a question, ${model}`,
      async run(context) {
        const { code, text } = await codex(context, model, "[sim calls=0] Hello");
        expect(code === 0 && text.includes("tok0 tok1"), `exit code ${code}: ${text.slice(-600)}`);
        return "exit code 0, with the engine's answer";
      },
    },
    {
      name: `a question with a budgeted key, ${model}`,
      async run(context) {
        const budget = { limit_usd: "5", period: "total" };
        const key = await context.broker.key({ name: "budgeted", budget });
        const { code, text } = await codex({ ...context, key }, model, "[sim calls=0] Hello");
        expect(code === 0 && text.includes("tok0 tok1"), `exit code ${code}: ${text.slice(-600)}`);
        return "exit code 0, with the engine's answer";
      },
    },
    {
      name: `a tool and the answer after it, ${model}`,
      async run(context) {
        context[model].reset();
        const { code, text } = await codex(context, model, "[sim calls=1] Look around");
        expect(code === 0 && text.includes("tok0 tok1"), `exit code ${code}: ${text.slice(-600)}`);
        const calls = context[model].bodies().length;
        expect(calls >= 2, `${calls} call of the engine`);
        return `exit code 0 after ${calls} calls of the engine`;
      },
    },
    ...["spillway", "OpenAI"].map((name): Flow<CodexContext> => ({
      name: `a history that is compacted at "${name}", ${model}`,
      async run(context) {
        context[model].reset();
        const settings = { name, more: ["model_auto_compact_token_limit = 200"] };
        const first = await codex(context, model, "[sim calls=0] Hello", settings);
        expect(first.code === 0, `exit code ${first.code}: ${first.text.slice(-600)}`);
        const resumed = { ...settings, resumes: true };
        const { code, text } = await codex(context, model, "[sim calls=0] Go on", resumed);
        expect(code === 0 && text.includes("tok0 tok1"), `exit code ${code}: ${text.slice(-600)}`);
        const bodies = context[model].bodies().map(({ body }) => JSON.stringify(body));
        const summarized = bodies.filter((body) => /summar/i.test(body)).length;
        const read = bodies.filter((body) => body.includes("replaced by this summary")).length;
        expect(
          summarized > 0 && (name === "spillway" || read > 0),
          `${bodies.length} calls, none of it`,
        );
        return `exit code 0 after ${bodies.length} calls, ${read} of them with a summary of ours`;
      },
    })),
    {
      name: `a spent budget, ${model}`,
      async run(context) {
        const budget = { limit_usd: "0.000001", period: "total" };
        const key = await context.broker.key({ name: "spent", budget });
        const count = async (): Promise<number> => {
          const lines = await context.broker.log();
          return lines.filter(({ error }) => error === "insufficient_quota").length;
        };
        const before = await count();
        const { code, text } = await codex({ ...context, key }, model, "[sim calls=0] Hello");
        expect(code !== 0, "exit code 0 with nothing to spend");
        const [line = ""] = text.slice(text.lastIndexOf("ERROR")).split("\n");
        expect(line.includes("The budget of this API key has"), `not told: ${text.slice(-600)}`);
        const refused = (await count()) - before;
        expect(refused === 1, `asked ${refused} times`);
        return `exit code ${code} after one request: ${line}`;
      },
    },
  ];
}

interface CodexSettings {
  /** The provider's name; with the name "OpenAI", Codex lets the provider compact its history. */
  readonly name: string;
  /** Further lines of Codex' configuration. */
  readonly more?: readonly string[];
  /** Continues the last session. */
  readonly resumes?: boolean;
}

/**
 * Runs `codex exec` with its own home directory. Returns its exit code, and its two outputs as one
 * text.
 */
async function codex(
  { program, runDir, key, broker }: CodexContext,
  model: string,
  prompt: string,
  { name, more = [], resumes = false }: CodexSettings = { name: "spillway" },
): Promise<{ code: number; text: string }> {
  const home = join(runDir, "codex-home");
  const project = join(runDir, "project");
  await Promise.all([home, project].map((dir) => mkdir(dir, { recursive: true })));
  await writeFile(
    join(home, "config.toml"),
    [
      `model = "${model}"`,
      ...more,
      'model_provider = "spillway"',
      "[model_providers.spillway]",
      `name = "${name}"`,
      `base_url = "${broker.url}/v1"`,
      'env_key = "SPILLWAY_API_KEY"',
      'wire_api = "responses"',
      "",
    ].join("\n"),
  );
  const logFile = join(runDir, "codex.log");
  await rm(logFile, { force: true });
  const code = await exitCodeOf(
    program,
    [
      "exec",
      "--skip-git-repo-check",
      "-s",
      "read-only",
      "-C",
      project,
      ...(resumes ? ["resume", "--last"] : []),
      prompt,
    ],
    {
      env: { ...NPM_ENVIRONMENT, CODEX_HOME: home, HOME: home, SPILLWAY_API_KEY: key },
      logFile,
      timeoutMs: 60_000,
    },
  );
  return { code, text: await readFile(logFile, "utf8") };
}
