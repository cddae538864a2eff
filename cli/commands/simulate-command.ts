import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { dialects } from "../simulate/dialect.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../simulate/simulator.ts";

interface SimulateDeps {
  readonly stdout: { write(text: string): unknown };
}

type SimulateFlags = Omit<SimulatorOptions, "kind" | "models"> & { readonly model: string[] };

/** `spillway simulate gpu|cloud`: a simulated upstream that runs until SIGINT or SIGTERM. */
export function simulateCommand(deps: SimulateDeps): Command {
  return new Command("simulate")
    .description("run a simulated upstream: a GPU server like vLLM, or a cloud like OpenAI")
    .addArgument(new Argument("<kind>", "what to play").choices(["gpu", "cloud"]))
    .addOption(whole("--port <number>", "port on 127.0.0.1; 0 takes a free one", 0).default(0))
    .addOption(whole("--slots <number>", "requests that run at once", 1).default(4))
    .addOption(real("--ttft-ms <milliseconds>", "time to the first token").default(0))
    .addOption(real("--tokens-per-second <rate>", "of each request; 0 is unpaced").default(0))
    .addOption(
      new Option("--model <name>", "known model, repeatable; all when absent")
        .argParser(collect)
        .default([]),
    )
    .addOption(whole("--output-tokens <number>", "tokens of an answer by default", 0).default(16))
    .addOption(whole("--reasoning-tokens <number>", "of reasoning before it", 0).default(0))
    .addOption(whole("--queue-limit <number>", "requests that may wait for a slot", 0).default(0))
    .addOption(whole("--context-length <tokens>", "prompt and answer together", 1))
    .addOption(
      new Option("--dialect <engine>", "obey that engine's other names for the output cap").choices(
        Object.keys(dialects),
      ),
    )
    .option("--api-key <key>", "ask for this bearer token")
    .option("--no-responses", "answer 404 to /v1/responses, as engines without it do")
    .action(async (kind: "gpu" | "cloud", { model, ...flags }: SimulateFlags) => {
      const models = model.length === 0 ? undefined : model;
      const simulator = await startSimulator({ ...flags, kind, models });
      stopOnSignal(simulator);
      deps.stdout.write(`simulated ${kind} with ${flags.slots} slots at ${simulator.url}\n`);
    });
}

function stopOnSignal(simulator: Simulator): void {
  const stop = (): void => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    void simulator.close();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

function whole(flags: string, description: string, least: number): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`Must be a whole number of at least ${least}.`);
    }
    return value;
  });
}

function real(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text);
    if (text.trim() === "" || Number.isNaN(value) || value < 0) {
      throw new InvalidArgumentError("Must be a number of at least 0.");
    }
    return value;
  });
}

function collect(value: string, earlier: readonly string[]): string[] {
  return [...earlier, value];
}
