import { access, constants } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { createBatchInput } from "../../shared/batches/batch-input.ts";
import { parseInput } from "../../shared/requests/parse-input.ts";
import type { BrokerClient } from "../client/broker-client.ts";
import { RequestError } from "../client/request-error.ts";
import { beginBatch } from "./begin-batch.ts";
import { finishBatch } from "./batch-end.ts";
import { StateFile, type BatchState, type NewBatch } from "./batch-state.ts";
import type { Batch } from "./batch.ts";
import type { Progress } from "./progress.ts";
import { readBatchInput, type BatchInput } from "./read-input.ts";
import { checkTargets, targetsOf } from "./save-results.ts";
import { stateChanges } from "./state-changes.ts";
import { untilInterrupted } from "./until-interrupted.ts";
import { watchBatch, type PollTimes } from "./watch-batch.ts";

export interface RunTimes extends PollTimes {
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** How long the broker may be away before the batch is made; later it may be so for ever. */
  readonly patienceMs: number;
}

export interface RunOptions {
  readonly output: string;
  readonly errors?: string;
  readonly endpoint?: string;
  readonly window: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly restart?: true;
  readonly force?: true;
}

interface RunDeps {
  readonly client: BrokerClient;
  readonly progress: Progress;
  readonly times: RunTimes;
  readonly onEnd: (batch: Batch) => void;
}

/** Statuses that say for certain that this batch has not been made and cannot be. */
const REFUSED: ReadonlySet<number | undefined> = new Set([400, 404]);

/** Uploads a file, makes a batch of it, waits for its end and saves its results; or goes on with that. */
export async function runBatch(path: string, options: RunOptions, deps: RunDeps): Promise<void> {
  const { client, progress, times, onEnd } = deps;
  const targets = targetsOf(options.output, options.errors);
  if ([targets.output, targets.errors].some((target) => resolve(target) === resolve(path)))
    throw new RequestError("the results must not replace the input");
  const file = new StateFile(targets.output);
  let id: string | undefined;
  const work = async (signal: AbortSignal): Promise<void> => {
    const input = await readBatchInput(path);
    const terms = termsOf(input, options);
    // What cannot be written is found out before it costs anything; the state is beside the output.
    await access(dirname(targets.errors), constants.W_OK);
    const kept = options.restart ? await forget(file, progress) : await file.read();
    await checkTargets(targets, kept !== undefined || options.force === true);
    const state = kept ?? (await file.begin(terms, input.sha256));
    // Another command may have begun meanwhile, with another input.
    refuseChanges(state, file, { terms, inputSha256: input.sha256 });
    if (state.batch_id !== undefined) progress.say(`going on with ${state.batch_id}`);

    const { pauseMs, maxPauseMs, patienceMs } = times;
    const say = (text: string): void => progress.say(text);
    const patience = { signal, say, pauseMs, maxPauseMs, patienceMs };
    try {
      id = await beginBatch(state, { client, input, file, progress, patience });
    } catch (error) {
      if (kept === undefined && (await isVain(error, file))) await file.remove();
      throw error;
    }
    const batch = await watchBatch(id, { client, progress, signal, ...times }).catch(
      (error: unknown) => {
        throw explained(error, file);
      },
    );
    const forEver = { ...patience, patienceMs: Number.POSITIVE_INFINITY };
    // A file that was refused will be another one: that is another batch.
    if (batch.status === "failed") await file.remove();
    await finishBatch(batch, { client, targets, progress, patience: forEver });
    await file.remove();
    onEnd(batch);
  };
  try {
    await untilInterrupted(work, () => {
      progress.end();
      progress.say(interruptedText(id));
    });
  } finally {
    progress.end();
  }
}

/** The same rules as the API's, so that nothing is uploaded in vain. */
function termsOf(input: BatchInput, { endpoint, window, metadata }: RunOptions): NewBatch {
  const url = endpoint ?? input.url;
  if (url === undefined)
    throw new RequestError(
      `${input.path}: its first line is no request with a url; --endpoint tells it`,
    );
  const terms = { endpoint: url, completion_window: window, metadata };
  parseInput(createBatchInput, { input_file_id: "file-", ...terms });
  return terms;
}

async function forget(file: StateFile, progress: Progress): Promise<undefined> {
  // A file that cannot be read is one of the reasons to begin anew.
  const old = await file.read().catch(() => undefined);
  await file.remove();
  if (old?.batch_id !== undefined)
    progress.say(
      `${old.batch_id} of before is left as it is; to end it: spillway batch cancel ${old.batch_id}`,
    );
  return undefined;
}

function refuseChanges(
  state: BatchState,
  { path }: StateFile,
  now: { readonly terms: NewBatch; readonly inputSha256: string },
): void {
  const changes = stateChanges(state, now);
  if (changes.length === 0) return;
  const which = state.batch_id ?? "a batch";
  throw new RequestError(
    `${path} says that ${which} was begun, and since then: ${changes.join(", ")}. ` +
      "The command as it was goes on with it; --restart begins anew",
  );
}

/** Whether a new command has nothing to go on with after such an error. */
async function isVain(error: unknown, file: StateFile): Promise<boolean> {
  if (!(error instanceof RequestError) || error.retryable) return false;
  const isUploaded = (await file.read())?.input_file_id !== undefined;
  return !isUploaded || REFUSED.has(error.status);
}

function explained(error: unknown, { path }: StateFile): unknown {
  if (!(error instanceof RequestError)) return error;
  const { status, message } = error;
  if (status === 401)
    return new RequestError(
      `${message} The batch is kept: with its key valid again, the same command goes on`,
      { cause: error },
    );
  if (status === 404)
    return new RequestError(
      `${message} ${path} names it: the batch is of another key or broker; --restart begins anew`,
      { cause: error },
    );
  return error;
}

function interruptedText(id: string | undefined): string {
  if (id === undefined) return "interrupted; the same command goes on where this one stopped";
  return [
    `interrupted; ${id} goes on without this command`,
    "  to watch it and get its results: the same command again",
    `  to end it: spillway batch cancel ${id}`,
  ].join("\n");
}
