import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { readValidation, shortenDump } from "./validation-words.ts";

/** What an upstream says about a failure, from any of the shapes that engines use; cleaned. */
export interface UpstreamError {
  readonly message: string;
  /** A word such as `context_length_exceeded`; numbers become `status`. */
  readonly code?: string;
  readonly type?: string;
  readonly param?: string;
  /** An HTTP status named inside the body. */
  readonly status?: number;
}

const LONGEST_MESSAGE = 2000;
const LONGEST_WORD = 200;
const DEEPEST = 6;

/**
 * Members that hold the words, in the order in which they are looked at. What is found first
 * counts; `error` comes last when it is a text, since beside others it is only a code.
 */
const WORDY = [
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

/** What a gateway says when the words are those of somebody behind it. */
const WRAPPING = /^(?:provider returned error|upstream error|bad request|error)\.?$/i;

interface Found {
  readonly message: string;
  readonly param?: string;
  /** The objects on the way to the words, innermost first. */
  readonly around: readonly JsonObject[];
}

/**
 * Reads what a refusal or an error says, whatever its shape: the first text that is found, else the
 * JSON itself, shortened. Undefined when nothing was said, or only HTML.
 */
export function readUpstreamError(body: unknown): UpstreamError | undefined {
  const found = find(body, 0);
  if (found === undefined) return fallback(body);
  const { message, around } = found;
  return { message: clean(message, LONGEST_MESSAGE), ...details(around, message, found.param) };
}

function find(value: unknown, depth: number): Found | undefined {
  if (typeof value === "string") return findInText(value, depth);
  if (depth > DEEPEST) return undefined;
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

function findInObject(object: JsonObject, depth: number): Found | undefined {
  const isCode = typeof object["error"] === "string";
  const names = isCode ? [...WORDY.slice(1), "error"] : WORDY;
  const raw = asObject(object["metadata"])?.["raw"];
  const isWrapping = WRAPPING.test(String(object["message"]));
  for (const name of names) {
    // OpenRouter.
    const isBehind = name === "message" && isWrapping && raw !== undefined;
    // A list under this name is an answer.
    if (name === "data" && Array.isArray(object[name])) continue;
    const found = find(isBehind ? raw : object[name], depth + 1);
    if (found !== undefined) return { ...found, around: [...found.around, object] };
  }
  // `{"errors":{"seed":["must be an integer"]}}`: fields with their faults.
  if (depth === 0) return undefined;
  for (const [name, faults] of Object.entries(object)) {
    if (!Array.isArray(faults) || typeof faults[0] !== "string") continue;
    return { message: `${name}: ${faults[0]}`, param: name, around: [object] };
  }
  return undefined;
}

/** A text, or JSON that was put into one. */
function findInText(text: string, depth: number): Found | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  if (trimmed.startsWith("<")) {
    const said = /<message>([^<]+)<\/message>/i.exec(trimmed)?.[1];
    return said === undefined ? undefined : { message: said, around: [] };
  }
  if (/^[[{]/.test(trimmed) && depth <= DEEPEST) {
    const inner = parse(trimmed);
    const found = inner === undefined ? undefined : find(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return { ...shortenDump(trimmed), around: [] };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Code, type, param and status from the objects around the words: the innermost that says it. */
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

function fallback(body: unknown): UpstreamError | undefined {
  const object = asObject(Array.isArray(body) ? body[0] : body);
  if (object === undefined || Object.keys(object).length === 0) return undefined;
  if (object["choices"] !== undefined || object["data"] !== undefined) return undefined;
  const inner = asObject(object["error"]);
  const around = inner === undefined ? [object] : [inner, object];
  return { message: clean(JSON.stringify(object), LONGEST_WORD), ...details(around, "") };
}

function first(around: readonly JsonObject[], name: string): string | undefined {
  return around.map((object) => word(object[name])).find((each) => each !== undefined);
}

function isStatus(value: number): boolean {
  return Number.isInteger(value) && value >= 400 && value < 600;
}

function word(value: unknown): string | undefined {
  return typeof value === "string" ? clean(value, LONGEST_WORD) || undefined : undefined;
}

function clean(value: string, longest: number): string {
  return value
    .slice(0, longest)
    .toWellFormed()
    .replaceAll(/\p{Cc}+/gu, " ")
    .trim();
}
