import { isUtf8 } from "node:buffer";
import { parse, safeParse } from "secure-json-parse";
import { BrokerError } from "../errors/broker-error.ts";
import { mayExceedDouble, parseExact } from "../json/exact-json.ts";
import type { JsonObject } from "../json/json-object.ts";
import { findNonFinite } from "./find-non-finite.ts";
import { findExcess } from "./json-excess.ts";

const MAX_DEPTH = 64;
/**
 * A `logit_bias` for every token of the largest vocabularies (Gemma's 262,144) stays below this
 * limit.
 */
const MAX_PARTS = 300_000;

/** Matches every number that is infinite as a double, and some other texts. */
const HUGE_NUMBER = /\d[eE]\+?\d{2}|\d{300}/;

export interface ParsedBody {
  /** The parsed body, for reading. */
  readonly fields: JsonObject;
  /** The same body for writing. Numbers that a double would change are raw JSON. */
  readonly exact: JsonObject;
}

/**
 * Reads a request body as a JSON object. Throws `BrokerError`: `invalid_json` for a body that is
 * not JSON, `unsupported_media_type` for a compressed one, and `invalid_request` for one that is
 * not an object, is nested too deeply, has too many parts, holds an infinite number or sets a
 * prototype.
 */
export function parseBody(body: Buffer | undefined, maxDepth = MAX_DEPTH): ParsedBody {
  if (body === undefined || body.length === 0)
    throw new BrokerError("invalid_json", "The request needs a body: a JSON object.");
  if (!isUtf8(body)) throw notText(body);
  const excess = findExcess(body, { depth: maxDepth, parts: MAX_PARTS });
  if (excess === "depth")
    throw new BrokerError("invalid_request", `The body nests deeper than ${maxDepth} levels.`);
  if (excess === "parts")
    throw new BrokerError(
      "invalid_request",
      `The body holds more than ${MAX_PARTS} objects, arrays and fields.`,
    );
  const text = body.toString();
  const fields: unknown = safeParse(text);
  if (fields === undefined)
    throw new BrokerError("invalid_json", "The body could not be parsed as JSON.");
  if (fields === null && text.trim() !== "null") throw forbiddenKey(text);
  if (!isObject(fields))
    throw new BrokerError("invalid_request", "The body must be a JSON object.");
  const infinite = HUGE_NUMBER.test(text) ? findNonFinite(fields) : undefined;
  if (infinite !== undefined)
    throw new BrokerError("invalid_request", `'${infinite}' is not a finite number.`, {
      param: infinite,
    });
  const exact = mayExceedDouble(text) ? parseExact(withoutByteOrderMark(text)) : fields;
  return { fields, exact: exact as JsonObject };
}

/** These are the first bytes of gzip and zstd, with which some clients compress their bodies. */
const COMPRESSED = ["1f8b", "28b52ffd"];

function notText(body: Buffer): BrokerError {
  const start = body.toString("hex", 0, 4);
  return COMPRESSED.some((magic) => start.startsWith(magic))
    ? new BrokerError(
        "unsupported_media_type",
        "The body is compressed. Send it as it is, without a 'Content-Encoding'.",
      )
    : new BrokerError("invalid_json", "The body is not valid UTF-8.");
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * The refusal of a key that would set an object's prototype in the next program that reads the
 * body.
 */
function forbiddenKey(text: string): BrokerError {
  let param = "constructor.prototype";
  try {
    parse(text, { protoAction: "error", constructorAction: "ignore" });
  } catch {
    param = "__proto__";
  }
  return new BrokerError("invalid_request", `The body must not hold the key '${param}'.`, {
    param,
  });
}

function withoutByteOrderMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}
