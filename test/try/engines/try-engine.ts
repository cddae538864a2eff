import { startBroker } from "../run/broker.ts";
import { type FlowResult, runFlows } from "../run/flow.ts";
import { answerFlows } from "../flows/answers.ts";
import { type EngineContext, MODELS } from "../flows/context.ts";
import { hangUpFlows } from "../flows/hang-ups.ts";
import { loadFlows } from "../flows/load.ts";
import { errorFlows } from "../flows/errors.ts";
import { shapeFlows } from "../flows/shapes.ts";
import { failureFlows } from "../flows/failures.ts";
import type { RealEngine } from "./engine.ts";
import { recordEngine } from "./record-engine.ts";

const FLOWS = [answerFlows, shapeFlows, errorFlows, hangUpFlows, loadFlows, failureFlows].flat();

export interface TryOptions {
  readonly runDir: string;
  /** Only flows whose name contains this text are run. */
  readonly only: string | undefined;
  /** Records the engine's answers instead of running the flows. */
  readonly record: boolean;
}

/** Starts an engine and a broker in front of it, and runs the flows of all engines. */
export async function tryEngine(
  start: (runDir: string, record: boolean) => Promise<RealEngine>,
  { runDir, only, record }: TryOptions,
): Promise<FlowResult[]> {
  const engine = await start(runDir, record);
  try {
    if (record) return await recordEngine(engine);
    const broker = await startBroker(runDir, brokerConfig(engine));
    try {
      const context: EngineContext = { engine, broker, caller: broker.caller };
      const chosen = FLOWS.filter(({ name }) => only === undefined || name.includes(only));
      return await runFlows(chosen, context);
    } finally {
      await broker.stop();
    }
  } finally {
    await engine.stop();
  }
}

/** Configures the engine as its operator would, and adds three wrong configurations. */
function brokerConfig(engine: RealEngine): string {
  const { baseUrl, embeddings, slots, model, apiKey, kind } = engine;
  // Ollama loads its model with the first call.
  const firstByte = kind === "ollama" ? "60s" : "5s";
  const provider = (name: string, url: string, key = apiKey): string =>
    [
      `  ${name}:`,
      `    location: local`,
      `    base_url: ${url}`,
      ...(key === undefined ? [] : [`    api_key: ${key}`]),
      `    slots: ${slots}`,
      `    price: { input: 0.1, output: 0.2 }`,
      `    timeouts: { connect: 2s, first_byte: ${firstByte}, idle: 10s }`,
    ].join("\n");
  const route = (name: string, to: string, upstream = model): string =>
    `  ${name}: { serve: [{ provider: ${to}, model: ${upstream} }], max_output_tokens: 16384 }`;
  return [
    // A busy machine generates only a few tokens a second.
    "server: { sync_wait: 290s, deadline: 20m }",
    "providers:",
    provider("engine", baseUrl),
    ...(embeddings === undefined ? [] : [provider("embeddings", embeddings.baseUrl)]),
    provider("wrong-key", baseUrl, "sk-wrong"),
    provider("without-version-path", baseUrl.replace(/\/v1$/, "")),
    "models:",
    route(MODELS.chat, "engine"),
    ...(embeddings === undefined ? [] : [route(MODELS.embeddings, "embeddings", embeddings.model)]),
    route(MODELS.wrongName, "engine", "no-such-model"),
    route(MODELS.wrongKey, "wrong-key"),
    route(MODELS.withoutVersionPath, "without-version-path"),
    "",
  ].join("\n");
}
