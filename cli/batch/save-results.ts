import { randomUUID } from "node:crypto";
import { createWriteStream, type Stats } from "node:fs";
import { rename, rm, stat, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { RequestError } from "../client/request-error.ts";
import type { BrokerClient } from "../client/broker-client.ts";
import type { Batch } from "./batch.ts";
import { keepTrying, type Patience } from "./keep-trying.ts";

/** The files for the results of a batch. */
export interface Targets {
  readonly output: string;
  /** Written only when there are errors. */
  readonly errors: string;
}

/**
 * Chooses the files: by default the errors of `out.jsonl` go to `out.errors.jsonl`. Throws
 * `RequestError` when both are the same file.
 */
export function targetsOf(output: string, errors: string | undefined): Targets {
  const targets = { output, errors: errors ?? `${output.replace(/\.jsonl$/, "")}.errors.jsonl` };
  if (resolve(targets.errors) === resolve(output))
    throw new RequestError("output and errors need a file each");
  return targets;
}

/**
 * Throws `RequestError` when one of the files exists and must not be replaced, or when it is not a
 * regular file.
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
 * Downloads the results of a batch that has ended. The output always exists afterwards, even if it
 * is empty; the error file of an earlier run is removed.
 */
export async function saveResults(
  client: BrokerClient,
  { output_file_id: outputId, error_file_id: errorsId }: Batch,
  { output, errors }: Targets,
  patience: Patience,
): Promise<void> {
  const save = (id: string, path: string): Promise<void> =>
    keepTrying(() => download(client, id, path, patience.signal), patience);
  // The output is written last, so that whoever sees it has everything.
  if (errorsId === null) await rm(errors, { force: true });
  else await save(errorsId, errors);
  if (outputId === null) await writeFile(output, "");
  else await save(outputId, output);
}

/** Downloads to a second file and renames it, so that the target is always complete. */
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
