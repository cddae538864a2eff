import { isUtf8 } from "node:buffer";
import type { Endpoint } from "../../../shared/contracts/endpoint.ts";
import { mayExceedDouble, parseExact } from "../../../shared/json/exact-json.ts";
import { asObject, parseJson, type JsonObject } from "../../../shared/json/json-object.ts";
import { splitJson, withoutNaN } from "./json-texts.ts";

export interface JsonAnswer {
  readonly answer: JsonObject;
  /** The answer as it came, or rewritten where clients could not read it. */
  readonly bytes: Buffer;
}

/** The member that makes an object an answer. */
const ANSWER_MEMBERS: Readonly<Record<Endpoint, string>> = {
  "chat.completions": "choices",
  completions: "choices",
  embeddings: "data",
  responses: "output",
};
/** Gateways, such as Cloudflare's, put an answer into an object under one of these names. */
const WRAPPERS = ["result", "data", "response", "body"];

/**
 * Reads the body of a whole answer as a JSON object, however it is wrapped or written: a list of
 * one, a JSON text of JSON, `{"result":…}`, another character set, Python's NaN. Chunks of a stream
 * that came as JSON lines or as a list become events. Returns undefined for anything else.
 */
export function parseAnswer(
  bytes: Buffer,
  endpoint: Endpoint,
  contentType = "",
): JsonAnswer | { readonly events: string } | undefined {
  const text = textOf(bytes, contentType);
  const plain = withoutNaN(text);
  const value = parseJson(plain);
  const list: readonly unknown[] | undefined = Array.isArray(value)
    ? (value as unknown[])
    : value === undefined
      ? splitJson(plain)?.map(parseJson)
      : undefined;
  if (list !== undefined && list.some((each) => isChunk(each))) return { events: eventsOf(list) };
  const found = unwrap(list?.length === 1 ? list[0] : value, ANSWER_MEMBERS[endpoint]);
  if (found === undefined) return undefined;
  const isAsItCame = found === value && plain === text && isUtf8(bytes) && bytes[0] !== 0xef;
  return isAsItCame
    ? { bytes, answer: found }
    : { bytes: Buffer.from(rewritten(found, value, plain)), answer: found };
}

function unwrap(value: unknown, member: string): JsonObject | undefined {
  const object = asObject(typeof value === "string" ? parseJson(value) : value);
  if (object === undefined) return undefined;
  const own = object[member];
  // The wrapper `data` has the same name as the list of embeddings.
  if (own !== undefined && !(member === "data" && asObject(own) !== undefined)) return object;
  const inner = WRAPPERS.map((name) => asObject(object[name]));
  return inner.find((each) => each?.[member] !== undefined) ?? object;
}

/**
 * Writes the answer again. Where only its text was corrected, numbers that a double would change
 * stay as they were written.
 */
function rewritten(found: JsonObject, value: unknown, text: string): string {
  return found === value && mayExceedDouble(text)
    ? JSON.stringify(parseExact(text))
    : JSON.stringify(found);
}

function isChunk(value: unknown): boolean {
  const choices = asObject(value)?.["choices"];
  return Array.isArray(choices) && choices.some((each) => asObject(each)?.["delta"] !== undefined);
}

function eventsOf(chunks: readonly unknown[]): string {
  return chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("");
}

/** Decodes UTF-8, or another character set that the label or a byte order mark names. */
function textOf(bytes: Buffer, contentType: string): string {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  const label = /charset=\s*"?([\w.:-]+)/i.exec(contentType)?.[1];
  if (label === undefined || isUtf8(bytes)) return new TextDecoder().decode(bytes);
  try {
    return new TextDecoder(label).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}
