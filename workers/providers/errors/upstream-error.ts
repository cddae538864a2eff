import type { UpstreamError } from "../../../shared/contracts/outcome.ts";
import { asObject, parseJson, type JsonObject } from "../../../shared/json/json-object.ts";
import { readValidation, shortenDump } from "./validation-words.ts";

/**
 * An upstream's words about a failure, cleaned, beside the values that only its classification
 * needs. A `code` is a word such as `context_length_exceeded`; numbers become the `status`.
 */
export interface UpstreamErrorDetails extends UpstreamError {
  readonly type?: string;
  /** An HTTP status named inside the body. */
  readonly status?: number;
}

const MAX_MESSAGE_CHARS = 2000;
const MAX_WORD_CHARS = 200;
const MAX_DEPTH = 6;

/**
 * Members that hold the words, in the order in which they are searched. The first text found counts.
 * `error` comes last when it is a text, since beside other members it is only a code.
 */
const MESSAGE_MEMBERS = [
  "error",
  "message",
  "msg",
  "error_description",
  "detail",
  "error_message",
  "error_msg",
  "errorMessage",
  "Message",
  "errors",
  "description",
  "reason",
  "title",
  "fault",
  "faultstring",
  "text",
  "status_msg",
  "base_resp",
  "value",
  "issues",
  "details",
  "fieldViolations",
  "validation_error",
  "body_params",
  "odata.error",
  "data",
];

/** Gateways write these words when the real ones come from behind them. */
const WRAPPER_MESSAGE = /^(?:provider returned error|upstream error|bad request|error)\.?$/i;

interface FoundMessage {
  readonly message: string;
  readonly param?: string;
  /** The objects around the words, innermost first. */
  readonly around: readonly JsonObject[];
}

/**
 * Reads the words of an error, whatever its shape: the first text that is found, else the JSON
 * itself, shortened. Returns undefined if it has no words, or only HTML.
 */
export function readUpstreamError(body: unknown): UpstreamErrorDetails | undefined {
  const found = find(body, 0);
  if (found === undefined) return fallback(body);
  const { message, around } = found;
  return { message: clean(message, MAX_MESSAGE_CHARS), ...details(around, message, found.param) };
}

function find(value: unknown, depth: number): FoundMessage | undefined {
  if (typeof value === "string") return findInText(value, depth);
  if (depth > MAX_DEPTH) return undefined;
  if (Array.isArray(value)) {
    const validation = readValidation(value);
    if (validation !== undefined) return { ...validation, around: [] };
    for (const item of value as readonly unknown[]) {
      const found = find(item, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const object = asObject(value);
  return object === undefined ? undefined : findInObject(object, depth);
}

function findInObject(object: JsonObject, depth: number): FoundMessage | undefined {
  const isCode = typeof object["error"] === "string";
  const names = isCode ? [...MESSAGE_MEMBERS.slice(1), "error"] : MESSAGE_MEMBERS;
  const raw = asObject(object["metadata"])?.["raw"];
  const isWrapping = WRAPPER_MESSAGE.test(String(object["message"]));
  for (const name of names) {
    // OpenRouter has the words of its provider in `metadata.raw`.
    const isBehind = name === "message" && isWrapping && raw !== undefined;
    // A list under this name belongs to an answer.
    if (name === "data" && Array.isArray(object[name])) continue;
    const found = find(isBehind ? raw : object[name], depth + 1);
    if (found !== undefined) return { ...found, around: [...found.around, object] };
  }
  // Some engines list problems by field: `{"errors":{"seed":["must be an integer"]}}`.
  if (depth === 0) return undefined;
  for (const [name, problems] of Object.entries(object)) {
    if (!Array.isArray(problems) || typeof problems[0] !== "string") continue;
    return { message: `${name}: ${problems[0]}`, param: name, around: [object] };
  }
  return undefined;
}

/** Reads a text, which may be JSON. */
function findInText(text: string, depth: number): FoundMessage | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (trimmed.startsWith("<")) {
    const xmlMessage = /<message>([^<]+)<\/message>/i.exec(trimmed)?.[1];
    return xmlMessage === undefined ? undefined : { message: xmlMessage, around: [] };
  }
  if (/^[[{]/.test(trimmed) && depth <= MAX_DEPTH) {
    const inner = parseJson(trimmed);
    const found = inner === undefined ? undefined : find(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return { ...shortenDump(trimmed), around: [] };
}

/** Takes code, type, param and status from the innermost object around the words that has them. */
function details(around: readonly JsonObject[], message: string, place?: string) {
  const raw = around.flatMap((object) => [
    object["code"],
    object["error_code"],
    asObject(object["details"])?.["error_code"],
    object["error"] === message ? undefined : object["error"],
    object["status_code"],
    object["statusCode"],
    object["status"],
  ]);
  const status = raw.map(Number).find(isStatus);
  const code = raw
    .filter((each) => !isStatus(Number(each)))
    .map(word)
    .find((each) => each !== undefined && !/\s/.test(each));
  const type = first(around, "type");
  const param = place ?? first(around, "param") ?? first(around, "field");
  const name = param === undefined ? undefined : word(param.replace(/^(?:body|query)\./, ""));
  return {
    ...(status === undefined ? {} : { status }),
    ...(code === undefined ? {} : { code }),
    ...(type === undefined ? {} : { type }),
    ...(name === undefined ? {} : { param: name }),
  };
}

function fallback(body: unknown): UpstreamErrorDetails | undefined {
  const object = asObject(Array.isArray(body) ? body[0] : body);
  if (object === undefined || Object.keys(object).length === 0) return undefined;
  if (object["choices"] !== undefined || object["data"] !== undefined) return undefined;
  const inner = asObject(object["error"]);
  const around = inner === undefined ? [object] : [inner, object];
  return { message: clean(JSON.stringify(object), MAX_WORD_CHARS), ...details(around, "") };
}

function first(around: readonly JsonObject[], name: string): string | undefined {
  return around.map((object) => word(object[name])).find((each) => each !== undefined);
}

function isStatus(value: number): boolean {
  return Number.isInteger(value) && value >= 400 && value < 600;
}

function word(value: unknown): string | undefined {
  return typeof value === "string" ? clean(value, MAX_WORD_CHARS) || undefined : undefined;
}

function clean(value: string, longest: number): string {
  return value
    .slice(0, longest)
    .toWellFormed()
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim();
}
