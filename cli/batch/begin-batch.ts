import { basename } from "node:path";
import { z } from "zod";
import type { BrokerClient } from "../client/broker-client.ts";
import { readAnswer } from "../client/read-answer.ts";
import { RequestError } from "../client/request-error.ts";
import { BatchPace } from "./batch-pace.ts";
import { batchSchema } from "./batch.ts";
import type { SavedBatch, StateFile } from "./batch-state.ts";
import { figures } from "./figures.ts";
import { keepTrying, type Patience } from "./keep-trying.ts";
import type { Progress } from "./progress.ts";
import type { BatchInput } from "./read-input.ts";

interface Begin {
  readonly client: BrokerClient;
  readonly input: BatchInput;
  readonly file: StateFile;
  readonly progress: Progress;
  readonly patience: Patience;
}

const fileSchema = z.looseObject({ id: z.string() });

/**
 * The broker remembers answers under an `Idempotency-Key` for 24 hours; 2 hours are left for the
 * upload.
 */
const KEY_LIFE_MS = 22 * 3_600_000;

/**
 * Uploads the input and makes a batch of it, and skips the steps that the state says are done. A
 * request whose answer was lost is sent again under the same key, so that nothing is made twice.
 * Throws `RequestError` when the key may have expired.
 */
export async function beginBatch(state: SavedBatch, begin: Begin): Promise<string> {
  if (state.batch_id !== undefined) return state.batch_id;
  const { client, input, file, progress, patience } = begin;
  if (Date.now() - Date.parse(state.started_at) > KEY_LIFE_MS)
    throw new RequestError(
      `${file.path} is too old to tell whether its batch was made: look at \`spillway batch list\`; ` +
        "--restart begins anew",
    );
  const headers = { "idempotency-key": state.idempotency_key };
  const { signal } = patience;
  let uploaded = state;
  if (uploaded.input_file_id === undefined) {
    const id = await keepTrying(() => upload(begin, headers), patience);
    uploaded = await file.save({ ...uploaded, input_file_id: id });
    progress.say(`uploaded ${input.path}: ${figures.bytes(input.blob.size)}`);
  }
  const body = { input_file_id: uploaded.input_file_id, ...uploaded.terms };
  const batch = await keepTrying(async () => {
    const response = await client("/batches", { method: "POST", body, headers, signal });
    return await readAnswer(response, batchSchema);
  }, patience);
  await file.save({ ...uploaded, batch_id: batch.id });
  progress.say(`made ${batch.id}`);
  progress.show(new BatchPace().view(batch, 0));
  return batch.id;
}

async function upload(
  { client, input, progress, patience: { signal } }: Begin,
  headers: Readonly<Record<string, string>>,
): Promise<string> {
  const body = new FormData();
  body.append("purpose", "batch");
  body.append("file", input.blob, basename(input.path));
  const { size } = input.blob;
  let sent = 0;
  const onSent = (bytes: number): void => {
    // The form adds bytes of its own, so the sum can exceed the file's size.
    sent = Math.min(size, sent + bytes);
    progress.show({
      phase: "uploading",
      done: `${figures.bytes(sent)} of ${figures.bytes(size)}`,
      pace: "",
      fraction: size === 0 ? undefined : sent / size,
    });
  };
  onSent(0);
  try {
    const response = await client("/files", { method: "POST", body, headers, signal, onSent });
    return (await readAnswer(response, fileSchema)).id;
  } catch (error) {
    if (isChanged(error)) throw new RequestError(`${input.path} was changed while it was read`);
    throw error;
  }
}

/**
 * The file's reader fails with this error when the file was changed; `fetch` wraps it in others.
 */
function isChanged(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "NotReadableError" || isChanged(error.cause);
}
