import { Command, InvalidArgumentError, Option } from "commander";
import type { Lookup } from "../../config/environment.ts";
import { finishBatch } from "../batch/batch-end.ts";
import { batchText } from "../batch/batch-text.ts";
import { batchPageSchema, batchPath, batchSchema, endOf, type Batch } from "../batch/batch.ts";
import { openProgress, type ProgressOutput } from "../batch/progress.ts";
import { runBatch, type RunOptions, type RunTimes } from "../batch/run-batch.ts";
import { checkTargets, targetsOf } from "../batch/save-results.ts";
import { untilInterrupted } from "../client/until-interrupted.ts";
import type { BrokerClient } from "../client/broker-client.ts";
import { clientFor, clientOptions, type ClientFlags } from "../client/client-options.ts";
import { readAnswer } from "../client/read-answer.ts";
import { RequestError } from "../client/request-error.ts";
import { givenId, wholeNumber } from "./option-values.ts";

interface BatchDeps {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressOutput;
  readonly lookup: Lookup;
  readonly times?: RunTimes;
}

interface Flags extends ClientFlags {
  readonly json?: true;
}

interface RunFlags extends Flags, Omit<RunOptions, "metadata"> {
  readonly overflow?: true;
  readonly maxCostUsd?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

interface DownloadFlags extends ClientFlags {
  readonly output: string;
  readonly errors?: string;
  readonly force?: true;
}

const PAGE = 100;
const TIMES: RunTimes = {
  minPollMs: 500,
  maxPollMs: 5_000,
  pauseMs: 500,
  maxPauseMs: 10_000,
  patienceMs: 10_000,
};

const EXIT_CODES = `
Exit codes: 0 all lines got an answer; 2 some did not, see the errors; 1 anything else; 130 Ctrl-C.`;

/** `spillway batch run|list|show|cancel|raise|download`: files of requests, run as batches. */
export function batchCommand(deps: BatchDeps): Command {
  const { stdout, stderr, lookup, times = TIMES } = deps;
  const command = new Command("batch").description("run files of requests");
  const print = (batch: Batch, { json }: Flags, text: string): void => {
    stdout.write(json ? `${JSON.stringify(batch, null, 2)}\n` : text);
  };
  const withId = (name: string, description: string): Command =>
    clientOptions(
      command.command(name).description(description).argument("<id>", "`batch_…`", givenId),
    );

  runOptions(
    clientOptions(
      command
        .command("run")
        .description(
          "upload a file, run it, save its results; after Ctrl-C the same command goes on",
        )
        .argument("<input>", "a JSONL file as for OpenAI's batches"),
    ),
  ).action(async (input: string, flags: RunFlags) => {
    const { overflow, maxCostUsd, metadata = {}, json, ...options } = flags;
    const pairs = {
      ...metadata,
      ...(overflow ? { overflow: "if_saturated" } : {}),
      ...(maxCostUsd === undefined ? {} : { max_cost_usd: maxCostUsd }),
    };
    const client = clientFor(flags, lookup);
    const progress = openProgress(stderr, lookup);
    const onEnd = (batch: Batch): void => print(batch, json ? { json } : {}, "");
    await runBatch(input, { ...options, metadata: pairs }, { client, progress, times, onEnd });
  });

  clientOptions(command.command("list").description("list a key's batches, newest first"))
    .addOption(
      new Option("--limit <number>", "how many at most").argParser(wholeNumber).default(20),
    )
    .option("--json", "print JSON")
    .action(async (flags: Flags & { readonly limit: number }) => {
      const batches = await readBatches(clientFor(flags, lookup), flags.limit);
      if (flags.json)
        stdout.write(`${JSON.stringify({ object: "list", data: batches }, null, 2)}\n`);
      else stdout.write(batches.length === 0 ? "No batches.\n" : batchText.table(batches));
    });

  withId("show", "show a batch")
    .option("--json", "print JSON")
    .action(async (id: string, flags: Flags) => {
      const batch = await read(clientFor(flags, lookup), id);
      print(batch, flags, batchText.details(batch));
    });

  withId("cancel", "end a batch; what is done of it is kept")
    .option("--json", "print JSON")
    .action(async (id: string, flags: Flags) => {
      const response = await clientFor(flags, lookup)(`${batchPath(id)}/cancel`, {
        method: "POST",
      });
      const batch = await readAnswer(response, batchSchema);
      print(batch, flags, cancelText(batch));
    });

  withId("raise", "change what a batch with --max-cost-usd may cost, also while it is paused")
    .requiredOption("--max-cost-usd <amount>", "the most that all of it may cost, in USD")
    .option("--json", "print JSON")
    .action(async (id: string, flags: Flags & { readonly maxCostUsd: string }) => {
      const body = { metadata: { max_cost_usd: flags.maxCostUsd } };
      const response = await clientFor(flags, lookup)(batchPath(id), { method: "POST", body });
      const batch = await readAnswer(response, batchSchema);
      print(batch, flags, `${batch.id} may cost ${flags.maxCostUsd} USD in all.\n`);
    });

  targetOptions(withId("download", "save the results of a batch that has ended"))
    .addHelpText("after", EXIT_CODES)
    .action(async (id: string, flags: DownloadFlags) => {
      const client = clientFor(flags, lookup);
      const targets = targetsOf(flags.output, flags.errors);
      await checkTargets(targets, flags.force === true);
      const batch = await read(client, id);
      if (endOf(batch) === null)
        throw new RequestError(`${batch.id} has not ended: it is ${batch.status}`);
      const progress = openProgress(stderr, lookup);
      const say = (text: string): void => progress.say(text);
      await untilInterrupted(
        (signal) =>
          finishBatch(batch, { client, targets, progress, patience: { ...times, signal, say } }),
        () => say("interrupted"),
      );
    });
  return command;
}

function runOptions(command: Command): Command {
  return targetOptions(command)
    .option("--window <time>", "by when it must be done: 1h to 7d", "24h")
    .option("--overflow", "let lines go to the cloud when the own slots are full")
    .option("--max-cost-usd <amount>", "pause when this much is spent")
    .addOption(
      new Option("--metadata <name=value>", "kept with the batch; repeatable").argParser(addPair),
    )
    .option("--endpoint <path>", "such as /v1/chat/completions (default: the first line's url)")
    .option("--restart", "begin anew, whatever ran before for this output")
    .option("--json", "print the batch as JSON when it has ended")
    .addHelpText("after", EXIT_CODES);
}

function targetOptions(command: Command): Command {
  return command
    .requiredOption("-o, --output <file>", "where the answers go")
    .option("--errors <file>", "where failed lines go (default: the output's name, .errors.jsonl)")
    .option("--force", "replace files that are there");
}

function addPair(
  pair: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
  if (name === undefined || value === undefined)
    throw new InvalidArgumentError("Must be like name=value.");
  return { ...before, [name]: value };
}

async function read(client: BrokerClient, id: string): Promise<Batch> {
  return await readAnswer(await client(batchPath(id)), batchSchema);
}

async function readBatches(client: BrokerClient, limit: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (;;) {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE, limit - batches.length)) });
    const last = batches.at(-1);
    if (last !== undefined) query.set("after", last.id);
    const response = await client(`/batches?${query.toString()}`);
    const { data, has_more: hasMore } = await readAnswer(response, batchPageSchema);
    batches.push(...data);
    if (!hasMore || data.length === 0 || batches.length >= limit) return batches;
  }
}

function cancelText(batch: Batch): string {
  const { completed, total } = batch.request_counts;
  const done = `${completed} of ${total} lines are done`;
  const get = `spillway batch download ${batch.id} -o FILE`;
  if (endOf(batch) === null)
    return `${batch.id} is ${batch.status}: ${done} and kept, more may become so. When it has ended: ${get}\n`;
  if (batch.status === "failed") return `${batch.id} had failed already.\n`;
  return `${batch.id} has ended as ${batch.status}: ${done}. To get them: ${get}\n`;
}
