import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Command, Option } from "commander";
import type { Lookup } from "../../config/environment.ts";
import type { BrokerClient } from "../client/broker-client.ts";
import { chatPieces } from "../client/chat-stream.ts";
import { clientFor, clientOptions, type ClientFlags } from "../client/client-options.ts";
import { jobSchema } from "../client/job.ts";
import { readAnswer } from "../client/read-answer.ts";
import { RequestError } from "../client/request-error.ts";
import { INTERRUPTED } from "../client/until-interrupted.ts";
import { wholeNumber } from "./option-values.ts";

interface RunDeps {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: { write(text: string): unknown };
  readonly lookup: Lookup;
}

interface RunFlags extends ClientFlags {
  readonly model: string;
  readonly system?: string;
  readonly maxTokens?: number;
  readonly background?: true;
  readonly json?: true;
}

const PATH = "/chat/completions";

/** `spillway run -m MODEL "prompt"`: one chat completion, streamed to stdout. */
export function runCommand(deps: RunDeps): Command {
  const command = new Command("run")
    .description("send a prompt and print the answer as it comes")
    .argument("[prompt]", "the prompt; `-`, or none with a pipe: read it from stdin")
    .requiredOption("-m, --model <name>", "a model of the broker's configuration")
    .option("--system <text>", "what the model is told first")
    .addOption(
      new Option("--max-tokens <number>", "the longest that the answer may be").argParser(
        wholeNumber,
      ),
    )
    .option("--background", "do not wait: print the job's id, for `spillway jobs`")
    .option("--json", "print the whole answer as JSON, at its end");
  return clientOptions(command).action(async (prompt: string | undefined, flags: RunFlags) => {
    const client = clientFor(flags, deps.lookup);
    const body = bodyOf(flags, await promptOf(prompt, deps));
    await withInterrupt(deps, (signal) => ask(deps, client, flags, body, signal));
  });
}

async function ask(
  deps: RunDeps,
  client: BrokerClient,
  { background, json }: RunFlags,
  body: object,
  signal: AbortSignal,
): Promise<void> {
  const { stdout } = deps;
  if (background) {
    const headers = { prefer: "respond-async" };
    const response = await client(PATH, { method: "POST", body, headers, signal });
    const answer = json
      ? (await response.text()).trimEnd()
      : (await readAnswer(response, jobSchema)).id;
    stdout.write(`${answer}\n`);
    return;
  }
  if (json) {
    const response = await client(PATH, { method: "POST", body, signal });
    stdout.write(`${(await response.text()).trimEnd()}\n`);
    return;
  }
  const streamed = { ...body, stream: true };
  await print(deps, await client(PATH, { method: "POST", body: streamed, signal }), signal);
}

async function print(
  { stdout, stderr }: RunDeps,
  response: Response,
  signal: AbortSignal,
): Promise<void> {
  let last = "\n";
  let finishReason: string | undefined;
  try {
    for await (const piece of chatPieces(response)) {
      finishReason ??= piece.finishReason;
      if (piece.text === "") continue;
      last = piece.text;
      if (!stdout.write(piece.text)) await once(stdout, "drain", { signal });
    }
  } finally {
    if (!last.endsWith("\n") && stdout.writable) stdout.write("\n");
  }
  if (finishReason === "length") stderr.write("note: the answer reached its token limit\n");
  if (finishReason === "content_filter") stderr.write("note: a content filter cut the answer\n");
}

/**
 * Hangs up at Ctrl-C or when the reader of stdout has gone; the broker then stops the generation.
 */
async function withInterrupt(
  { stdout, stderr }: RunDeps,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const hangUp = new AbortController();
  const interrupted = new RequestError("interrupted; the request is cancelled");
  const onInterrupt = (): void => hangUp.abort(interrupted);
  const onPipeError = (error: Error): void => hangUp.abort(error);
  process.once("SIGINT", onInterrupt);
  process.once("SIGTERM", onInterrupt);
  // This listener stays, because the error of a last write comes later.
  stdout.on("error", onPipeError);
  try {
    await work(hangUp.signal);
  } catch (error) {
    if (!hangUp.signal.aborted) throw error;
    process.exitCode = INTERRUPTED;
    if (hangUp.signal.reason === interrupted) stderr.write(`${interrupted.message}\n`);
  } finally {
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onInterrupt);
  }
}

function bodyOf({ model, system, maxTokens }: RunFlags, prompt: string): object {
  return {
    model,
    messages: [
      ...(system === undefined ? [] : [{ role: "system", content: system }]),
      { role: "user", content: prompt },
    ],
    ...(maxTokens === undefined ? {} : { max_completion_tokens: maxTokens }),
  };
}

async function promptOf(given: string | undefined, { stdin }: RunDeps): Promise<string> {
  if (given !== undefined && given !== "-") return given;
  if (given === undefined && stdin.isTTY === true)
    throw new RequestError("no prompt: give one, or `-` to type it and end with Ctrl-D");
  const prompt = await text(stdin);
  if (prompt.trim() === "") throw new RequestError("the prompt from stdin is empty");
  return prompt;
}
