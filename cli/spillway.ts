import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { environmentLookup } from "../config/environment.ts";
import { errorText } from "./error-text.ts";

const { stdin, stdout, stderr } = process;
const lookup = environmentLookup();

/**
 * The commands in the order of the help. Each is loaded only when needed: most use little of the
 * broker.
 */
const commands = new Map<string, () => Promise<Command>>([
  [
    "serve",
    async () => (await import("./commands/serve-command.ts")).serveCommand({ stdout, stderr }),
  ],
  ["api", async () => (await import("./commands/api-command.ts")).apiCommand({ stdout, stderr })],
  [
    "worker",
    async () => (await import("./commands/worker-command.ts")).workerCommand({ stdout, stderr }),
  ],
  [
    "migrate",
    async () => (await import("./commands/migrate-command.ts")).migrateCommand({ stdout }),
  ],
  [
    "config",
    async () =>
      (await import("./commands/config-command.ts")).configCommand({ stdout, stderr, lookup }),
  ],
  [
    "key",
    async () => {
      const { connect } = await import("./commands/connect.ts");
      return (await import("./commands/key-command.ts")).keyCommand({ connect, stdout });
    },
  ],
  [
    "run",
    async () =>
      (await import("./commands/run-command.ts")).runCommand({ stdin, stdout, stderr, lookup }),
  ],
  [
    "jobs",
    async () => (await import("./commands/jobs-command.ts")).jobsCommand({ stdout, lookup }),
  ],
  [
    "batch",
    async () =>
      (await import("./commands/batch-command.ts")).batchCommand({ stdout, stderr, lookup }),
  ],
  [
    "simulate",
    async () => (await import("./commands/simulate-command.ts")).simulateCommand({ stdout }),
  ],
]);

// A function, since a bundle of CommonJS modules has no await outside of one.
async function main(): Promise<void> {
  try {
    const program = new Command("spillway")
      .description("async inference broker: queues in front of your GPUs, overflow to the cloud")
      .version(packageJson.version, "--version");
    const asked = commands.get(process.argv[2] ?? "");
    const wanted = asked === undefined ? [...commands.values()] : [asked];
    for (const load of wanted) program.addCommand(await load());
    await program.parseAsync();
  } catch (error) {
    stderr.write(`spillway: ${errorText(error)}\n`);
    process.exitCode = 1;
  }
}

void main();
