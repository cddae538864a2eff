import { createHash } from "node:crypto";
import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { asObject } from "../../shared/json/json-object.ts";
import { RequestError } from "../client/request-error.ts";

/** A file of requests. */
export interface BatchInput {
  readonly path: string;
  /** Reading it fails once the file has been changed. */
  readonly blob: Blob;
  readonly sha256: string;
  /** The `url` of the first line. */
  readonly url: string | undefined;
}

/** A longer first line is not searched for its `url`. */
const MAX_FIRST_LINE_BYTES = 32 * 1024 * 1024;
const NEWLINE = 10;

/** Reads a file once, without holding it in memory. Throws when the path is not a regular file. */
export async function readBatchInput(path: string): Promise<BatchInput> {
  if (!(await stat(path)).isFile()) throw new RequestError(`${path} is not a regular file`);
  const blob = await openAsBlob(path);
  const hash = createHash("sha256");
  const first: Uint8Array[] = [];
  let firstBytes = 0;
  let inFirst = true;
  for await (const bytes of blob.stream() as AsyncIterable<Uint8Array>) {
    hash.update(bytes);
    if (!inFirst) continue;
    const end = bytes.indexOf(NEWLINE);
    first.push(end === -1 ? bytes : bytes.subarray(0, end));
    firstBytes += bytes.length;
    inFirst = end === -1 && firstBytes < MAX_FIRST_LINE_BYTES;
  }
  return { path, blob, sha256: hash.digest("hex"), url: urlOf(Buffer.concat(first)) };
}

function urlOf(line: Buffer): string | undefined {
  try {
    const url = asObject(JSON.parse(line.toString("utf8").replace(/^\uFEFF/, "")))?.["url"];
    return typeof url === "string" ? url : undefined;
  } catch {
    return undefined;
  }
}
