import { asObject, parseJson } from "../json/json-object.ts";

/**
 * Writes the float lists of an embeddings answer as OpenAI's base64: little-endian 32-bit floats.
 * An answer of another shape stays as it is.
 */
export function base64Embeddings(body: Buffer): Buffer {
  const answer = asObject(parseJson(body.toString()));
  if (!Array.isArray(answer?.["data"])) return body;
  for (const item of answer["data"] as { embedding?: unknown }[])
    if (Array.isArray(item.embedding)) item.embedding = encode(item.embedding as number[]);
  return Buffer.from(JSON.stringify(answer));
}

function encode(floats: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(floats.length * 4);
  for (const [index, float] of floats.entries()) bytes.writeFloatLE(float, index * 4);
  return bytes.toString("base64");
}
