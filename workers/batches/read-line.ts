import { batchLimits } from "../../shared/batches/batch-row.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { type JsonObject, asObject } from "../../shared/json/json-object.ts";
import { parseBody, type ParsedBody } from "../../shared/requests/parse-body.ts";

/** The most levels of a line: those of a request's body, and one for the line around it. */
const MAX_DEPTH = 65;

/** A fault of a line. It fails the line's batch. */
export class LineProblem extends Error {
  override readonly name = "LineProblem";
  readonly code: string;
  readonly param: string | null;

  constructor(code: string, message: string, param: string | null = null) {
    super(message);
    this.code = code;
    this.param = param;
  }
}

/** A request of a batch. Nobody has checked yet that its body can be run. */
export interface BatchLine {
  readonly customId: string;
  readonly body: ParsedBody;
}

/** Reads a line that asks for `url`. Throws `LineProblem`. */
export function readLine(bytes: Buffer, url: string): BatchLine {
  const { fields, exact } = parseLine(bytes);
  const customId = readCustomId(fields["custom_id"]);
  required(fields, "method");
  if (fields["method"] !== "POST")
    throw new LineProblem("invalid_method", "The method of every request must be POST.", "method");
  required(fields, "url");
  if (fields["url"] !== url)
    throw new LineProblem(
      "invalid_url",
      `The URL of every request must be the batch's endpoint, ${url}.`,
      "url",
    );
  required(fields, "body");
  const body = asObject(fields["body"]);
  if (body === undefined)
    throw new LineProblem("invalid_body", "The body of a request must be a JSON object.", "body");
  return { customId, body: { fields: body, exact: exact["body"] as JsonObject } };
}

function parseLine(bytes: Buffer): ParsedBody {
  try {
    return parseBody(bytes, MAX_DEPTH);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    const message = error.message.replace("The body", "This line");
    throw new LineProblem("invalid_json_line", message, error.param ?? null);
  }
}

function readCustomId(id: unknown): string {
  if (id === undefined || id === null || id === "") throw missing("custom_id");
  const { customIdLength } = batchLimits;
  // PostgreSQL does not store a NUL in a text, and a lone surrogate is not valid in UTF-8.
  if (
    typeof id !== "string" ||
    id.length > customIdLength ||
    id.includes("\0") ||
    !id.isWellFormed()
  )
    throw new LineProblem(
      "invalid_custom_id",
      `The custom_id must be a text of at most ${customIdLength} characters.`,
      "custom_id",
    );
  return id;
}

function required(fields: JsonObject, name: string): void {
  if (fields[name] === undefined || fields[name] === null) throw missing(name);
}

function missing(name: string): LineProblem {
  return new LineProblem(
    "missing_required_parameter",
    `Missing required parameter: '${name}'.`,
    name,
  );
}
