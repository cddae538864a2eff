import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { environmentLookup } from "../config/environment.ts";
import { batchCommand } from "./batch-command.ts";
import { configCommand } from "./config-command.ts";
import { apiCommand } from "./api-command.ts";
import { connect } from "./connect.ts";
import { errorText } from "./error-text.ts";
import { jobsCommand } from "./jobs-command.ts";
import { keyCommand } from "./key-command.ts";
import { migrateCommand } from "./migrate-command.ts";
import { runCommand } from "./run-command.ts";
import { serveCommand } from "./serve-command.ts";
import { simulateCommand } from "./simulate-command.ts";
import { workerCommand } from "./worker-command.ts";

const { stdin, stdout, stderr } = process;
const lookup = environmentLookup();

const program = new Command("spillway")
  .description("async inference broker: queues in front of your GPUs, overflow to the cloud")
  .version(packageJson.version, "--version")
  .addCommand(serveCommand({ stdout, stderr }))
  .addCommand(apiCommand({ stdout, stderr }))
  .addCommand(workerCommand({ stdout, stderr }))
  .addCommand(migrateCommand({ stdout }))
  .addCommand(configCommand({ stdout, stderr, lookup }))
  .addCommand(keyCommand({ connect, stdout }))
  .addCommand(runCommand({ stdin, stdout, stderr, lookup }))
  .addCommand(jobsCommand({ stdout, lookup }))
  .addCommand(batchCommand({ stdout, stderr, lookup }))
  .addCommand(simulateCommand({ stdout }));

try {
  await program.parseAsync();
} catch (error) {
  stderr.write(`spillway: ${errorText(error)}\n`);
  process.exitCode = 1;
}
