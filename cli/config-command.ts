import { Command } from "commander";
import { ConfigError } from "../config/config-error.ts";
import type { Lookup } from "../config/environment.ts";
import { configJsonSchema } from "../config/json-schema.ts";
import { loadConfig } from "../config/load-config.ts";

interface ConfigCommandDeps {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Finds `SPILLWAY_CONFIG` and the values for `${NAME}` in the file. */
  readonly lookup: Lookup;
}

/** `spillway config check [file]` and `spillway config schema`. */
export function configCommand(deps: ConfigCommandDeps): Command {
  const command = new Command("config")
    .description("work with the configuration file")
    .configureOutput({
      writeOut: (text) => deps.stdout.write(text),
      writeErr: (text) => deps.stderr.write(text),
    });
  command
    .command("check")
    .description("check a configuration file and print all its problems")
    .argument("[file]", "default: $SPILLWAY_CONFIG, else ./spillway.yaml")
    .action((file: string | undefined) => check(file, deps));
  command
    .command("schema")
    .description("print the JSON Schema of the configuration file, for editors")
    .action(() => {
      deps.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
  return command;
}

function check(file: string | undefined, { stdout, stderr, lookup }: ConfigCommandDeps): void {
  const path = file ?? lookup("SPILLWAY_CONFIG") ?? "spillway.yaml";
  try {
    const { providers, models } = loadConfig(path, lookup);
    stdout.write(
      `${path} is valid: ${count(providers.size, "provider")}, ${count(models.size, "model")}\n`,
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}
