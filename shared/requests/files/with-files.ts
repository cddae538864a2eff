import type { Pool } from "pg";
import type { Endpoint } from "../../contracts/endpoint.ts";
import { BrokerError } from "../../errors/broker-error.ts";
import type { FileRow } from "../../files/file-row.ts";
import { findFiles } from "../../files/find-files.ts";
import { readFileRange } from "../../files/read-file-range.ts";
import type { ParsedBody } from "../parse-body.ts";
import { fileContent, type FileContent } from "./file-content.ts";
import { isImage, mapFileParts, mayNameFiles, type FilePart } from "./file-parts.ts";

export interface FileReadOptions {
  readonly key: string;
  /** The limit covers the body with the files in it. */
  readonly maxBodyBytes: number;
}

/** A body in which no reference to a file is left. */
export interface FilledBody {
  readonly body: ParsedBody;
  /**
   * The first field that named a file which is neither a text nor an image. Undefined when there is
   * none.
   */
  readonly opaqueFile: string | undefined;
}

/** The limit bounds the number of queries. */
const MAX_FILES = 100;
const FILE = /^file-[0-9a-f]{32}$/;

/**
 * Replaces the ids of the key's own files in a request's body: texts become text parts, images
 * become images, and all others become `file_data`, both as `data:` URLs. Throws `BrokerError` with
 * `param` for a file that the key does not have, for one that does not fit its place, and when the
 * body becomes too large.
 */
export async function withFiles(
  pool: Pick<Pool, "query">,
  endpoint: Endpoint,
  body: ParsedBody,
  options: FileReadOptions,
): Promise<FilledBody> {
  const field = fieldOf(endpoint);
  if (field === undefined || !mayNameFiles(body.fields[field]))
    return { body, opaqueFile: undefined };
  const parts: FilePart[] = [];
  mapFileParts(field, body.fields[field], (part) => {
    parts.push(part);
    return undefined;
  });
  if (parts.length === 0) return { body, opaqueFile: undefined };
  const contents = await readParts(pool, parts, body, options);
  const known = ({ id }: FilePart) => contents.get(id);
  const fill = (fields: ParsedBody["fields"]) => ({
    ...fields,
    [field]: mapFileParts(field, fields[field], known),
  });
  const fields = fill(body.fields);
  const opaque = parts.find((part) => {
    const content = contents.get(part.id);
    return content !== undefined && content.text === undefined && !isImage(content);
  });
  return {
    body: { fields, exact: body.exact === body.fields ? fields : fill(body.exact) },
    opaqueFile: opaque?.param,
  };
}

function fieldOf(endpoint: Endpoint): "messages" | "input" | undefined {
  if (endpoint === "chat.completions") return "messages";
  return endpoint === "responses" ? "input" : undefined;
}

async function readParts(
  pool: Pick<Pool, "query">,
  parts: readonly FilePart[],
  body: ParsedBody,
  { key, maxBodyBytes }: FileReadOptions,
): Promise<ReadonlyMap<unknown, FileContent>> {
  const ids = new Set<string>();
  for (const { id, param, isFilled } of parts) {
    if (isFilled) throw refused(param, "a part has either a file's id or its content.");
    if (typeof id !== "string" || !FILE.test(id)) throw noFile(param, id);
    if (ids.add(id).size > MAX_FILES)
      throw refused(param, `a request may refer to ${MAX_FILES} files at most.`);
  }
  const rows = await findFiles(pool, key, [...ids]);
  const budget = new Budget(Buffer.byteLength(JSON.stringify(body.fields)), maxBodyBytes);
  // All sizes are checked before any file is read.
  for (const { id, param } of parts) {
    const row = rows.get(id as string);
    if (row === undefined) throw noFile(param, id);
    budget.check(Number(row.bytes), param);
  }
  const contents = new Map<unknown, FileContent>();
  for (const { id, param, isImage: ofImage } of parts) {
    const row = rows.get(id as string);
    if (row === undefined) throw noFile(param, id);
    const content = contents.get(id) ?? fileContent(row, await readAll(pool, row));
    if (ofImage && !isImage(content))
      throw refused(param, `the file is no image, but ${content.mediaType}.`);
    contents.set(id, content);
    budget.spend(content, ofImage, param);
  }
  return contents;
}

async function readAll(pool: Pick<Pool, "query">, { id, bytes }: FileRow): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of readFileRange(pool, id, 0, Number(bytes))) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The size of the body, compared with the largest size that is allowed. */
class Budget {
  readonly #limit: number;
  #spent: number;
  /** The size with the files as they are stored, which is the least that they can add. */
  #least: number;

  constructor(body: number, limit: number) {
    this.#limit = limit;
    this.#spent = body;
    this.#least = body;
  }

  check(bytes: number, param: string): void {
    this.#least += bytes;
    if (this.#least > this.#limit) throw this.#tooLarge(param);
  }

  spend({ text, dataUrl }: FileContent, ofImage: boolean, param: string): void {
    const isText = text !== undefined && !ofImage;
    this.#spent += isText ? Buffer.byteLength(JSON.stringify(text)) : dataUrl.length;
    if (this.#spent > this.#limit) throw this.#tooLarge(param);
  }

  #tooLarge(param: string): BrokerError {
    return new BrokerError(
      "payload_too_large",
      `${param}: with this file the request has more than the ${this.#limit} bytes that one may have.`,
      { param },
    );
  }
}

function refused(param: string, why: string): BrokerError {
  return new BrokerError("invalid_request", `${param}: ${why}`, { param });
}

/** Another key's file gets the same answer as one that never existed. */
function noFile(param: string, id: unknown): BrokerError {
  const shown = typeof id === "string" ? `'${id.slice(0, 64)}'` : "that is no text";
  return refused(param, `there is no file with an id ${shown}; upload it to /v1/files first.`);
}
