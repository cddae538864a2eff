import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { batchCommand } from "../../../cli/commands/batch-command.ts";
import { jobsCommand } from "../../../cli/commands/jobs-command.ts";
import { runCommand } from "../../../cli/commands/run-command.ts";

const batchTimes = {
  minPollMs: 20,
  maxPollMs: 100,
  pauseMs: 20,
  maxPauseMs: 100,
  patienceMs: 300,
} as const;

/** A command's output and last error. */
export interface CommandEnd {
  readonly stdout: string;
  readonly stderr: string;
  readonly error: Error | undefined;
}

/**
 * Runs `spillway run|jobs|batch …` in this process, with an environment and an stdin of its own.
 */
export async function runClient(
  env: Readonly<Record<string, string>>,
  words: readonly string[],
  input?: string,
): Promise<CommandEnd> {
  const output = { stdout: "", stderr: "" };
  const stdout = new PassThrough().setEncoding("utf8");
  stdout.on("data", (text: string) => (output.stdout += text));
  const stderr = {
    write(text: string | Uint8Array): boolean {
      output.stderr += String(text);
      return true;
    },
  };
  const stdin = Object.assign(Readable.from(input === undefined ? [] : [input]), {
    isTTY: input === undefined,
  });
  const lookup = (name: string): string | undefined => env[name];
  const commands = [
    runCommand({ stdin, stdout, stderr, lookup }),
    jobsCommand({ stdout, lookup, waitTimes: { waitS: 1, pauseMs: 50, patienceMs: 5_000 } }),
    batchCommand({ stdout, stderr, lookup, times: batchTimes }),
  ];
  const command = commands.find((each) => each.name() === words[0]);
  if (command === undefined) throw new Error(`no command ${words[0]}`);
  for (const each of [command, ...command.commands])
    each.exitOverride().configureOutput({ writeErr: (text) => stderr.write(text) });
  let error: Error | undefined;
  try {
    await command.parseAsync(words.slice(1), { from: "user" });
  } catch (thrown) {
    error = thrown as Error;
  }
  stdout.end();
  await once(stdout, "end");
  return { ...output, error };
}

/** Serves until the test ends; returns the address. */
export async function serveOnce(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
