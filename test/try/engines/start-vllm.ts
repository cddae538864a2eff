import { join } from "node:path";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { Program } from "../run/program.ts";
import { startTogether } from "../run/start-together.ts";
import type { EngineCounters, RealEngine } from "./engine.ts";
import { installVllm, makeVllmModel, VLLM_VERSION } from "./install-vllm.ts";
import { readMetrics } from "./metrics.ts";

const MODEL = "tiny";
const API_KEY = "sk-engine";
const SLOTS = 2;
const CONTEXT_LENGTH = 4096;
/** A start compiles and loads for minutes on a busy machine. */
const READY_TIMEOUT_MS = 10 * 60_000;

/** Starts `vllm serve` for chat, and a second one for embeddings. */
export async function startVllm(runDir: string): Promise<RealEngine> {
  const dir = await installVllm();
  const weights = await makeVllmModel();
  const [port, embeddingPort] = [await freePort(), await freePort()];
  const serve = (name: string, at: number, args: readonly string[]): Program =>
    new Program({
      file: join(dir, "venv", "bin", "vllm"),
      args: [
        "serve",
        weights,
        "--host",
        "127.0.0.1",
        "--port",
        String(at),
        "--served-model-name",
        MODEL,
        "--max-model-len",
        String(CONTEXT_LENGTH),
        "--max-num-seqs",
        String(SLOTS),
        "--enforce-eager",
        "--dtype",
        "bfloat16",
        "--api-key",
        API_KEY,
        ...args,
      ],
      env: {
        VLLM_TARGET_DEVICE: "cpu",
        VLLM_CPU_KVCACHE_SPACE: "1",
        VLLM_CPU_OMP_THREADS_BIND: "nobind",
        OMP_NUM_THREADS: "1",
        VLLM_NO_USAGE_STATS: "1",
        DO_NOT_TRACK: "1",
        HF_HUB_OFFLINE: "1",
        TRANSFORMERS_OFFLINE: "1",
        PATH: `${join(dir, "venv", "bin")}:${process.env["PATH"] ?? ""}`,
      },
      cwd: runDir,
      logFile: join(runDir, `${name}.log`),
      readyUrl: `http://127.0.0.1:${at}/health`,
      readyTimeoutMs: READY_TIMEOUT_MS,
    });
  const chat = serve("vllm", port, [
    "--enable-auto-tool-choice",
    "--tool-call-parser",
    "hermes",
    "--shutdown-timeout",
    "20",
    "--max-num-queued-reqs",
    "4",
  ]);
  const embed = serve("vllm-embed", embeddingPort, ["--runner", "pooling", "--convert", "embed"]);
  const stop = await startTogether(chat, embed);
  return {
    name: `vllm-${VLLM_VERSION}`,
    kind: "vllm",
    baseUrl: `http://127.0.0.1:${port}/v1`,
    apiKey: API_KEY,
    model: MODEL,
    embeddings: { baseUrl: `http://127.0.0.1:${embeddingPort}/v1`, model: MODEL },
    slots: SLOTS,
    contextLength: CONTEXT_LENGTH,
    untilCap: { ignore_eos: true },
    lacks: {},
    program: chat,
    counters: () => readCounters(port),
    stop,
  };
}

async function readCounters(port: number): Promise<EngineCounters> {
  const metric = await readMetrics(`http://127.0.0.1:${port}/metrics`, API_KEY);
  return {
    running: metric("vllm:num_requests_running"),
    waiting: metric("vllm:num_requests_waiting"),
    promptTokens: metric("vllm:prompt_tokens_total"),
    generatedTokens: metric("vllm:generation_tokens_total"),
  };
}
