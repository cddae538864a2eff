import { join } from "node:path";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { Program } from "../run/program.ts";
import { startTogether } from "../run/start-together.ts";
import type { EngineCounters, RealEngine } from "./engine.ts";
import { installLlamacpp, LLAMACPP_VERSION, makeGguf } from "./install-llamacpp.ts";
import { readMetrics } from "./metrics.ts";

const MODEL = "tiny";
const API_KEY = "sk-engine";
const SLOTS = 2;
const CONTEXT_LENGTH = 4096;

/** Starts `llama-server` for chat with two slots, and a second one for embeddings. */
export async function startLlamacpp(runDir: string): Promise<RealEngine> {
  const { server } = await installLlamacpp();
  const weights = await makeGguf(CONTEXT_LENGTH);
  const [port, embeddingPort] = [await freePort(), await freePort()];
  const serve = (name: string, at: number, args: readonly string[]): Program =>
    new Program({
      file: server,
      args: [
        "-m",
        weights,
        "-a",
        MODEL,
        "--host",
        "127.0.0.1",
        "--port",
        String(at),
        "-t",
        "1",
        "-tb",
        "1",
        "--api-key",
        API_KEY,
        ...args,
      ],
      logFile: join(runDir, `${name}.log`),
      readyUrl: `http://127.0.0.1:${at}/health`,
      readyTimeoutMs: 120_000,
    });
  // With `-np` the context is divided among the slots.
  const divided = ["-c", String(SLOTS * CONTEXT_LENGTH), "-np", String(SLOTS)];
  const chat = serve("llamacpp", port, [...divided, "--metrics"]);
  const embed = serve("llamacpp-embed", embeddingPort, ["--embeddings", "--pooling", "mean"]);
  const stop = await startTogether(chat, embed);
  return {
    name: `llamacpp-${LLAMACPP_VERSION}`,
    kind: "llamacpp",
    baseUrl: `http://127.0.0.1:${port}/v1`,
    apiKey: API_KEY,
    model: MODEL,
    embeddings: { baseUrl: `http://127.0.0.1:${embeddingPort}/v1`, model: MODEL },
    slots: SLOTS,
    contextLength: CONTEXT_LENGTH,
    untilCap: { temperature: 0 },
    lacks: { tools: "it knows calls of tools only in chat templates that render them" },
    program: chat,
    counters: () => readCounters(port),
    stop,
  };
}

async function readCounters(port: number): Promise<EngineCounters> {
  const metric = await readMetrics(`http://127.0.0.1:${port}/metrics`, API_KEY);
  return {
    running: metric("llamacpp:requests_processing"),
    waiting: metric("llamacpp:requests_deferred"),
    promptTokens: metric("llamacpp:prompt_tokens_total"),
    generatedTokens: metric("llamacpp:tokens_predicted_total"),
  };
}
