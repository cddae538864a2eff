import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { failed, type FailedEnd } from "../call-end.ts";

/**
 * Finds the fault of an embeddings answer: each input needs one list of finite numbers, all of one
 * length. Base64, which nobody asked for, must be whole 32-bit floats.
 */
export function findEmbeddingProblem(answer: JsonObject, inputs: number): FailedEnd | undefined {
  const { data } = answer;
  if (!Array.isArray(data)) return failed("malformed", "no list of embeddings");
  if (data.length !== inputs) return failed("malformed", "wrong number of embeddings");
  let length: number | undefined;
  for (const item of data as readonly unknown[]) {
    const own = vectorLength(asObject(item)?.["embedding"]);
    if (own === undefined) return failed("malformed", "an embedding is no list of numbers");
    if (own !== (length ??= own)) return failed("malformed", "embeddings of unequal length");
  }
  return undefined;
}

/** Returns the length of a vector, or undefined if it is not one. */
function vectorLength(embedding: unknown): number | undefined {
  if (typeof embedding === "string") return base64Length(embedding);
  if (!Array.isArray(embedding) || embedding.length === 0) return undefined;
  return embedding.every(isFloat) ? embedding.length : undefined;
}

/** Base64 and most vector stores have 32-bit floats. */
function isFloat(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(Math.fround(value));
}

function base64Length(text: string): number | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined;
  for (let at = 0; at < bytes.length; at += 4)
    if (!Number.isFinite(bytes.readFloatLE(at))) return undefined;
  return bytes.length / 4;
}
