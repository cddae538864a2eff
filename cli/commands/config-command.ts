import { Command } from "commander";
import { ConfigError } from "../../config/config-error.ts";
import type { Lookup } from "../../config/environment.ts";
import { configJsonSchema } from "../../config/json-schema.ts";
import type { Config } from "../../config/config.ts";
import { loadConfig } from "../../config/load-config.ts";
import { checkOnline } from "./check-online.ts";

interface ConfigCommandDeps {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Looks up `SPILLWAY_CONFIG` and the values for `${NAME}` in the file. */
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
    .option("--online", "also ask every provider for its models, with its key")
    .action((file: string | undefined, { online }: { online?: true }) =>
      check(file, online === true, deps),
    );
  command
    .command("schema")
    .description("print the JSON Schema of the configuration file, for editors")
    .action(() => {
      deps.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
  return command;
}

async function check(
  file: string | undefined,
  online: boolean,
  { stdout, stderr, lookup }: ConfigCommandDeps,
): Promise<void> {
  const path = file ?? lookup("SPILLWAY_CONFIG") ?? "spillway.yaml";
  let config: Config;
  try {
    config = loadConfig(path, lookup);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  const { providers, models } = config;
  stdout.write(
    `${path} is valid: ${count(providers.size, "provider")}, ${count(models.size, "model")}\n`,
  );
  if (!online) return;
  for (const { provider, summary, problems } of await checkOnline(config)) {
    stdout.write(`${provider}: ${summary}\n`);
    for (const problem of problems) stderr.write(`${provider}: ${problem}\n`);
    if (problems.length > 0) process.exitCode = 1;
  }
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}
