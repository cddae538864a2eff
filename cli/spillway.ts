import { Command } from "commander";
import { ConfigError } from "../config/config-error.ts";
import { environmentLookup } from "../config/environment.ts";
import { configCommand } from "./config-command.ts";
import { connect } from "./connect.ts";
import { keyCommand } from "./key-command.ts";
import { serveCommand } from "./serve-command.ts";
import { StoreInUseError } from "./serve/open-store.ts";
import { simulateCommand } from "./simulate-command.ts";

const { stdout, stderr } = process;

const program = new Command("spillway")
  .description("async inference broker: queues in front of your GPUs, overflow to the cloud")
  .addCommand(serveCommand({ stdout, stderr }))
  .addCommand(configCommand({ stdout, stderr, lookup: environmentLookup() }))
  .addCommand(keyCommand({ connect, stdout }))
  .addCommand(simulateCommand({ stdout }));

try {
  await program.parseAsync();
} catch (error) {
  // Problems of the user's making get a sentence, everything else its stack.
  const plain =
    error instanceof ConfigError || error instanceof StoreInUseError || isSystemError(error);
  stderr.write(`spillway: ${plain ? (error as Error).message : describe(error)}\n`);
  process.exitCode = 1;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
