import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { Program } from "../run/program.ts";
import { runCommand } from "../run/run-command.ts";
import type { RealEngine } from "./engine.ts";
import { makeGguf } from "./install-llamacpp.ts";
import { installOllama, OLLAMA_VERSION } from "./install-ollama.ts";

const MODEL = "tiny";
const SLOTS = 2;
const MODEL_CONTEXT = 4096;

/** Starts `ollama serve` with one model from a file. */
export async function startOllama(runDir: string, record = false): Promise<RealEngine> {
  // Ollama computes the rest of a prompt that it has cut, which takes minutes on a busy machine.
  const contextLength = record ? 512 : MODEL_CONTEXT;
  const file = await installOllama();
  const weights = await makeGguf(MODEL_CONTEXT);
  const port = await freePort();
  const env = {
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: join(runDir, "models"),
    OLLAMA_NUM_PARALLEL: String(SLOTS),
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
    await runCommand(file, ["create", MODEL, "-f", modelfile], {
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
    name: `ollama-${OLLAMA_VERSION}`,
    kind: "ollama",
    baseUrl,
    apiKey: undefined,
    model: MODEL,
    embeddings: { baseUrl, model: MODEL },
    slots: SLOTS,
    contextLength,
    // At temperature 0 the tiny model soon repeats one letter for ever, which Ollama stops.
    untilCap: { temperature: 1 },
    lacks: {
      n: "it answers one choice whatever `n` says",
      "list prompts": "its completions take one prompt",
      tools: "a GGUF template alone does not make a model of tools of it",
      "context refusal": "it cuts a prompt that is too long",
      keys: "it has no keys",
    },
    program: serve,
    // Ollama has no metrics, and those of its runner are on a port that it does not publish.
    counters: undefined,
    stop: () => serve.stop(),
  };
}
