import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";

/** Members whose strings the model did not generate. */
const LABELS = new Set(["role", "id", "type"]);
const MAX_DEPTH = 8;
/** A token of generated sound or of an image takes hundreds of base64 characters and more. */
const MEDIA_BYTES_PER_TOKEN = 128;

/**
 * Counts the UTF-8 bytes that the model generated in one choice of an answer or a chunk: content,
 * reasoning, refusal, names and arguments of tool calls, a completion's text. Every string counts,
 * known or not, since the sum is the upper bound of the output's tokens.
 */
export function countOutputBytes(choice: JsonObject): number {
  return (
    stringBytes(choice["delta"], 0) +
    stringBytes(choice["message"], 0) +
    stringBytes(choice["text"], 0)
  );
}

/** Counts the UTF-8 bytes of all strings in a value. */
export function countStringBytes(value: unknown): number {
  return stringBytes(value, 0);
}

function stringBytes(value: unknown, depth: number): number {
  if (typeof value === "string") return textBytes(value);
  if (depth === MAX_DEPTH) return 0;
  let bytes = 0;
  if (Array.isArray(value)) {
    for (const item of value) bytes += stringBytes(item, depth + 1);
    return bytes;
  }
  const object = asObject(value);
  if (object === undefined) return 0;
  for (const key of Object.keys(object)) {
    if (LABELS.has(key)) continue;
    const member = object[key];
    bytes +=
      key === "data" && typeof member === "string"
        ? Math.ceil(member.length / MEDIA_BYTES_PER_TOKEN)
        : stringBytes(member, depth + 1);
  }
  return bytes;
}

function textBytes(text: string): number {
  const isMedia = text.length > 1024 && text.startsWith("data:");
  return isMedia ? Math.ceil(text.length / MEDIA_BYTES_PER_TOKEN) : Buffer.byteLength(text);
}
