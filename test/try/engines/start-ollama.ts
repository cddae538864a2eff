import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { Program } from "../run/program.ts";
import { runCommand } from "../run/run-command.ts";
import type { RealEngine } from "./engine.ts";
import { makeGguf } from "./install-llamacpp.ts";
import { installOllama, ollamaVersion } from "./install-ollama.ts";

const model = "tiny";
const slots = 2;
const modelContext = 4096;

/** `ollama serve` with one model that it was given from a file. */
export async function startOllama(runDir: string, record = false): Promise<RealEngine> {
  // It computes what is left of a prompt that it has cut, for minutes on a busy machine.
  const contextLength = record ? 512 : modelContext;
  const file = await installOllama();
  const weights = await makeGguf(modelContext);
  const port = await freePort();
  const env = {
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: join(runDir, "models"),
    OLLAMA_NUM_PARALLEL: String(slots),
    OLLAMA_CONTEXT_LENGTH: String(contextLength),
    OMP_NUM_THREADS: "1",
    HOME: runDir,
  };
  const serve = new Program({
    file,
    args: ["serve"],
    env,
    logFile: join(runDir, "ollama.log"),
    readyUrl: `http://127.0.0.1:${port}/api/version`,
    readyTimeoutMs: 120_000,
  });
  try {
    await serve.start();
    const modelfile = join(runDir, "Modelfile");
    await writeFile(modelfile, `FROM ${weights}\nPARAMETER num_thread 1\n`);
    const logFile = join(runDir, "ollama-create.log");
    await runCommand(file, ["create", model, "-f", modelfile], {
      env,
      logFile,
      timeoutMs: 300_000,
    });
  } catch (error) {
    await serve.stop();
    throw error;
  }
  const baseUrl = `http://127.0.0.1:${port}/v1`;
  return {
    name: `ollama-${ollamaVersion}`,
    kind: "ollama",
    baseUrl,
    apiKey: undefined,
    model,
    embeddings: { baseUrl, model },
    slots,
    contextLength,
    // Without chance the tiny model soon says one letter for ever, which Ollama stops.
    untilCap: { temperature: 1 },
    lacks: {
      n: "it answers one choice whatever `n` says",
      "list prompts": "its completions take one prompt",
      tools: "a GGUF template alone does not make a model of tools of it",
      "context refusal": "it cuts a prompt that is too long",
      keys: "it has no keys",
    },
    program: serve,
    // It has no metrics, and its runner's are on a port that it tells nobody.
    counters: undefined,
    stop: () => serve.stop(),
  };
}
