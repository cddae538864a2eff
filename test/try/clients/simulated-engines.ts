import { startSimulator, type Simulator } from "../../../cli/simulate/simulator.ts";
import { startBroker, type TryBroker } from "../run/broker.ts";

/** A broker with two simulated engines: one serves responses itself, the other only chats. */
export interface SimulatedEngines {
  readonly broker: TryBroker;
  readonly native: Simulator;
  readonly translated: Simulator;
  stop(): Promise<void>;
}

/** The broker's models, which are named as their engines. */
export const SIMULATED_MODELS = ["native", "translated"] as const;

/** Starts broker and engines for a client. Answers cost a dollar a million tokens in and out. */
export async function startSimulatedEngines(
  runDir: string,
  /** The caller has these other engines, which only chat, by the name of provider and model. */
  others: Readonly<Record<string, string>> = {},
): Promise<SimulatedEngines> {
  const resources = new AsyncDisposableStack();
  try {
    const native = await startSimulator({ kind: "gpu", slots: 4, outputTokens: 16 });
    resources.defer(() => native.close());
    const translated = await startSimulator({
      kind: "gpu",
      slots: 4,
      outputTokens: 16,
      responses: false,
    });
    resources.defer(() => translated.close());
    const broker = await startBroker(
      runDir,
      [
        "webhooks: { allow_networks: [127.0.0.0/8] }",
        // The limit is so low that a flow can fill the queue.
        "server: { queue_limit: 1MiB }",
        "providers:",
        provider("native", native.url, "native"),
        provider("translated", translated.url, "translate"),
        ...Object.entries(others).map(([name, url]) => provider(name, url, "translate")),
        "models:",
        ...[...SIMULATED_MODELS, ...Object.keys(others)].map(route),
        "  tiny-embed: { serve: [{ provider: native, model: m }] }",
        "",
      ].join("\n"),
    );
    resources.defer(() => broker.stop());
    return { broker, native, translated, stop: () => resources.disposeAsync() };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

function provider(name: string, url: string, responses: "native" | "translate"): string {
  return `  ${name}: { location: local, base_url: "${url}", slots: 4, responses: ${responses}, price: { input: 1, output: 1 } }`;
}

function route(name: string): string {
  return `  ${name}: { serve: [{ provider: ${name}, model: m }], max_output_tokens: 4096 }`;
}
