import { access, constants } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { createBatchInput } from "../../shared/batches/batch-input.ts";
import { checkFields } from "../../shared/requests/check-fields.ts";
import type { BrokerClient } from "../client/broker-client.ts";
import { RequestError } from "../client/request-error.ts";
import { beginBatch } from "./begin-batch.ts";
import { finishBatch } from "./batch-end.ts";
import { StateFile, type SavedBatch, type NewBatch } from "./batch-state.ts";
import type { Batch } from "./batch.ts";
import type { Progress } from "./progress.ts";
import { readBatchInput, type BatchInput } from "./read-input.ts";
import { checkTargets, targetsOf } from "./save-results.ts";
import { stateChanges } from "./state-changes.ts";
import { untilInterrupted } from "../client/until-interrupted.ts";
import { watchBatch, type PollTimes } from "./watch-batch.ts";

export interface RunTimes extends PollTimes {
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** How long the broker may be away before the batch is made; afterwards there is no limit. */
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

/** Statuses that mean for certain that this batch was not made and cannot be made. */
const REFUSED: ReadonlySet<number | undefined> = new Set([400, 404]);

/**
 * Uploads a file, makes a batch of it, waits for its end and saves its results, or goes on with a
 * batch that an earlier run began. Throws `RequestError`.
 */
export async function runBatch(path: string, options: RunOptions, deps: RunDeps): Promise<void> {
  const { client, progress, times, onEnd } = deps;
  const targets = targetsOf(options.output, options.errors);
  if ([targets.output, targets.errors].some((target) => resolve(target) === resolve(path)))
    throw new RequestError("the results must not replace the input");
  const file = new StateFile(targets.output);
  let id: string | undefined;
  const work = async (signal: AbortSignal): Promise<void> => {
    const input = await readBatchInput(path);
    const newBatch = newBatchOf(input, options);
    // This check comes before anything that costs money. The state file lies in the output's
    // directory.
    await access(dirname(targets.errors), constants.W_OK);
    const kept = options.restart ? await forget(file, progress) : await file.read();
    await checkTargets(targets, kept !== undefined || options.force === true);
    const state = kept ?? (await file.begin(newBatch, input.sha256));
    // Another command may have begun a batch of another input meanwhile.
    refuseChanges(state, file, { newBatch, inputSha256: input.sha256 });
    if (state.batch_id !== undefined) progress.say(`going on with ${state.batch_id}`);

    const { pauseMs, maxPauseMs, patienceMs } = times;
    const say = (text: string): void => progress.say(text);
    const patience = { signal, say, pauseMs, maxPauseMs, patienceMs };
    try {
      id = await beginBatch(state, { client, input, file, progress, patience });
    } catch (error) {
      if (kept === undefined && (await isUseless(error, file))) await file.remove();
      throw error;
    }
    const batch = await watchBatch(id, { client, progress, signal, ...times }).catch(
      (error: unknown) => {
        throw explained(error, file);
      },
    );
    const withoutLimit = { ...patience, patienceMs: Number.POSITIVE_INFINITY };
    // The user will correct the refused file, and the corrected file is another batch.
    if (batch.status === "failed") await file.remove();
    await finishBatch(batch, { client, targets, progress, patience: withoutLimit });
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

/** Checks by the API's own rules, so that no file is uploaded for a batch that would be refused. */
function newBatchOf(input: BatchInput, { endpoint, window, metadata }: RunOptions): NewBatch {
  const url = endpoint ?? input.url;
  if (url === undefined)
    throw new RequestError(
      `${input.path}: its first line is no request with a url; --endpoint tells it`,
    );
  const newBatch = { endpoint: url, completion_window: window, metadata };
  checkFields(createBatchInput, { input_file_id: "file-", ...newBatch });
  return newBatch;
}

async function forget(file: StateFile, progress: Progress): Promise<undefined> {
  // A state file that cannot be read is one of the reasons for `--restart`.
  const old = await file.read().catch(() => undefined);
  await file.remove();
  if (old?.batch_id !== undefined)
    progress.say(
      `${old.batch_id} of before is left as it is; to end it: spillway batch cancel ${old.batch_id}`,
    );
  return undefined;
}

function refuseChanges(
  state: SavedBatch,
  { path }: StateFile,
  now: { readonly newBatch: NewBatch; readonly inputSha256: string },
): void {
  const changes = stateChanges(state, now);
  if (changes.length === 0) return;
  const which = state.batch_id ?? "a batch";
  throw new RequestError(
    `${path} says that ${which} was begun, and since then: ${changes.join(", ")}. ` +
      "The command as it was goes on with it; --restart begins anew",
  );
}

/** Tells whether the state is useless after this error, because no next run could go on from it. */
async function isUseless(error: unknown, file: StateFile): Promise<boolean> {
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
