import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import type { JsonAnswer } from "./parse-answer.ts";

/**
 * Returns the bytes of a checked embeddings answer. Base64 that nobody asked for becomes lists of
 * numbers, and the list gets the order of the inputs, in which most clients read it.
 */
export function floatEmbeddings({ bytes, answer }: JsonAnswer): Buffer {
  const data = (answer["data"] as readonly unknown[]).map((item) => asObject(item) ?? {});
  const ordered = inOrder(data);
  const isSound = ordered === data && !data.some(({ embedding }) => typeof embedding === "string");
  if (isSound) return bytes;
  const floats = ordered.map((item) => {
    const { embedding } = item;
    return typeof embedding === "string" ? { ...item, embedding: decode(embedding) } : item;
  });
  return Buffer.from(JSON.stringify({ ...answer, data: floats }));
}

/** Sorts by index, where each has one of its own, and numbers them from 0. */
function inOrder(data: readonly JsonObject[]): readonly JsonObject[] {
  if (data.every(({ index }, position) => index === position)) return data;
  const indexes = data.map(({ index }) => (index == null ? Number.NaN : Number(index)));
  const areDistinct = indexes.every(Number.isInteger) && new Set(indexes).size === data.length;
  const places = data.map((_, position) => position);
  if (areDistinct) places.sort((one, other) => (indexes[one] ?? 0) - (indexes[other] ?? 0));
  return places.map((place, index) => ({ ...data[place], index }));
}

function decode(text: string): readonly number[] {
  const bytes = Buffer.from(text, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
}
