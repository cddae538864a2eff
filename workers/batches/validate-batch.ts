import { batchLimits, type BatchError } from "../../shared/batches/batch-row.ts";
import {
  addBatchLines,
  beginBatch,
  failBatch,
  type OpenLine,
} from "../../shared/batches/begin-batch.ts";
import type { FedBatch } from "../../shared/batches/claim-batches.ts";
import { endpoints } from "../../shared/contracts/endpoint.ts";
import type { Database } from "../../shared/db/database.ts";
import { readFileSize } from "../../shared/files/find-file.ts";
import { LineProblem, readLine } from "./read-line.ts";
import { isBlank, splitLines, type FileLine } from "./split-lines.ts";

export interface ValidateDeps {
  readonly database: Pick<Database, "pool">;
  /** Reads the bytes of a file from `start` up to `end`. */
  readonly readFile: (file: string, start: number, end: number) => AsyncIterable<Buffer>;
  readonly hasModel: (name: string) => boolean;
  /** The most bytes of one line. */
  readonly maxLineBytes: number;
}

/** A longer list of errors would help nobody. */
const MAX_ERRORS = 100;
/** A name from the file is cut to this length, since it may be as long as a line. */
const MAX_TEXT_LENGTH = 300;
const PAGE = 1_000;
/** The blank end of a file is read up to this line. */
const MAX_BLANK_LINE = 2 * batchLimits.lines;

/**
 * Reads a batch's whole file before any of it runs. Then either its lines are stored, or the batch
 * has failed with the errors of each line. It may be started again at any time; it rejects when
 * `signal` ends it.
 */
export async function validateBatch(
  deps: ValidateDeps,
  batch: Pick<FedBatch, "id" | "input_file_id" | "endpoint">,
  signal: AbortSignal,
): Promise<void> {
  const bytes = await readFileSize(deps.database.pool, batch.input_file_id);
  const reading = new FileReading(deps, batch);
  if (bytes === undefined) reading.addError("file_not_found", "The input file is there no more.");
  else if (bytes > batchLimits.fileBytes)
    reading.addError("file_too_large", "The file is larger than the 200 MB that a batch may have.");
  else {
    const chunks = deps.readFile(batch.input_file_id, 0, bytes);
    for await (const lines of splitLines(chunks, deps.maxLineBytes)) {
      signal.throwIfAborted();
      await reading.take(lines);
      if (reading.isHopeless) break;
    }
  }
  await reading.end();
}

class FileReading {
  readonly #deps: ValidateDeps;
  readonly #batch: string;
  readonly #url: string;
  readonly #errors: BatchError[] = [];
  /** The line of each custom id. */
  readonly #ids = new Map<string, number>();
  /** Blank lines at the end of what has been read. They are wrong only if another line follows. */
  #blanks: number[] = [];
  #page: OpenLine[] = [];
  #lines = 0;
  /** True when no error that follows would be reported. */
  isHopeless = false;

  constructor(deps: ValidateDeps, { id, endpoint }: Pick<FedBatch, "id" | "endpoint">) {
    this.#deps = deps;
    this.#batch = id;
    this.#url = `/v1${endpoints[endpoint]}`;
  }

  async take(lines: readonly FileLine[]): Promise<void> {
    for (const line of lines) {
      if (this.isHopeless) return;
      const blank = isBlank(line);
      if (line.number > (blank ? MAX_BLANK_LINE : batchLimits.lines)) {
        this.addError("too_many_lines", "A batch may have 50,000 requests.", null, line.number);
        this.isHopeless = true;
      } else if (!blank) this.#takeRequest(line);
      else if (this.#blanks.length < MAX_ERRORS) this.#blanks.push(line.number);
      if (this.#page.length >= PAGE) await this.#store();
    }
  }

  addError(code: string, message: string, param: string | null = null, line: number | null = null) {
    this.#errors.push({ code, message: short(message), param: param && short(param), line });
    if (this.#errors.length >= MAX_ERRORS) this.isHopeless = true;
  }

  /** Stores the result of the reading. */
  async end(): Promise<void> {
    if (this.#lines === 0 && this.#errors.length === 0)
      this.addError("empty_file", "The file holds no request.");
    const { pool } = this.#deps.database;
    if (this.#errors.length > 0) await failBatch(pool, this.#batch, this.#errors);
    else {
      await this.#store();
      await beginBatch(pool, this.#batch, this.#lines);
    }
  }

  #takeRequest(line: FileLine): void {
    for (const number of this.#blanks.splice(0)) {
      if (this.isHopeless) return;
      this.addError("blank_line", "A line in the middle of the file is blank.", null, number);
    }
    if (line.bytes === undefined) {
      const limit = this.#deps.maxLineBytes;
      const message = `This line is longer than ${limit} bytes, the most that a request may have.`;
      this.addError("line_too_long", message, null, line.number);
      return;
    }
    try {
      this.#add(line, line.bytes);
    } catch (error) {
      if (!(error instanceof LineProblem)) throw error;
      this.addError(error.code, error.message, error.param, line.number);
    }
  }

  #add({ number, start, length }: FileLine, bytes: Buffer): void {
    const { customId, body } = readLine(bytes, this.#url);
    const first = this.#ids.get(customId);
    if (first !== undefined)
      throw new LineProblem(
        "duplicate_custom_id",
        `The custom_id of this line is that of line ${first} too.`,
        "custom_id",
      );
    this.#ids.set(customId, number);
    const { model: asked } = body.fields;
    const model = typeof asked === "string" && this.#deps.hasModel(asked) ? asked : "";
    this.#lines++;
    if (this.#errors.length === 0)
      this.#page.push({ line: number, custom_id: customId, start, length, model });
  }

  async #store(): Promise<void> {
    const lines = this.#page;
    this.#page = [];
    if (lines.length === 0) return;
    // The batch was cancelled or has expired, so that nobody needs the lines that follow.
    if (!(await addBatchLines(this.#deps.database.pool, this.#batch, lines)))
      this.isHopeless = true;
  }
}

function short(text: string): string {
  return text.slice(0, MAX_TEXT_LENGTH);
}
