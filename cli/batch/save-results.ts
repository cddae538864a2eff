import { randomUUID } from "node:crypto";
import { createWriteStream, type Stats } from "node:fs";
import { rename, rm, stat, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { RequestError } from "../client/request-error.ts";
import type { BrokerClient } from "../client/broker-client.ts";
import type { Batch } from "./batch.ts";
import { keepTrying, type Patience } from "./keep-trying.ts";

/** The files that the results of a batch go to. */
export interface Targets {
  readonly output: string;
  /** Made only when there are errors. */
  readonly errors: string;
}

/** `out.jsonl` has its errors in `out.errors.jsonl` unless told otherwise. */
export function targetsOf(output: string, errors: string | undefined): Targets {
  const targets = { output, errors: errors ?? `${output.replace(/\.jsonl$/, "")}.errors.jsonl` };
  if (resolve(targets.errors) === resolve(output))
    throw new RequestError("output and errors need a file each");
  return targets;
}

/**
 * Throws `RequestError` when one of the files is there already, unless it is to be replaced, and when
 * it is a directory or device, which cannot or must not be.
 */
export async function checkTargets({ output, errors }: Targets, replaces: boolean): Promise<void> {
  for (const path of [output, errors]) {
    const found = await statOf(path);
    if (found === undefined) continue;
    if (!found.isFile()) throw new RequestError(`${path} is not a regular file`);
    if (!replaces)
      throw new RequestError(
        `${path} exists already; --force replaces it when the batch has ended`,
      );
  }
}

/**
 * Gets what a batch that has ended came to. The output is there in the end even if it is empty; an
 * error file of another run does not stay.
 */
export async function saveResults(
  client: BrokerClient,
  { output_file_id: outputId, error_file_id: errorsId }: Batch,
  { output, errors }: Targets,
  patience: Patience,
): Promise<void> {
  const save = (id: string, path: string): Promise<void> =>
    keepTrying(() => download(client, id, path, patience.signal), patience);
  // The output last: who sees it has everything.
  if (errorsId === null) await rm(errors, { force: true });
  else await save(errorsId, errors);
  if (outputId === null) await writeFile(output, "");
  else await save(outputId, output);
}

/** Written beside the target and renamed, so that the target is whole. */
async function download(
  client: BrokerClient,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  try {
    const { body } = await client(`/files/${encodeURIComponent(id)}/content`, { signal });
    const file = createWriteStream(part, { flags: "wx", flush: true });
    await pipeline(body ?? [], file, { signal });
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
