import { startSimulator, type Simulator } from "../../../cli/simulate/simulator.ts";
import { startBroker, type TryBroker } from "../run/broker.ts";

/** A broker before two simulated engines: one serves responses itself, one only chats. */
export interface SimulatedEngines {
  readonly broker: TryBroker;
  readonly native: Simulator;
  readonly translated: Simulator;
  stop(): Promise<void>;
}

/** Names of the broker's models, which are those of its engines. */
export const simulatedModels = ["native", "translated"] as const;

/** Starts them for a client to work with; answers cost a dollar a million tokens in and out. */
export async function startSimulatedEngines(
  runDir: string,
  /** Engines of the caller's own that only chat, by the name of provider and model. */
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
        // So little that a flow can fill it.
        "server: { queue_limit: 1MiB }",
        "providers:",
        provider("native", native.url, "native"),
        provider("translated", translated.url, "translate"),
        ...Object.entries(others).map(([name, url]) => provider(name, url, "translate")),
        "models:",
        ...[...simulatedModels, ...Object.keys(others)].map(route),
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
