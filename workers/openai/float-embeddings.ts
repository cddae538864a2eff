import { asObject } from "../../shared/json/json-object.ts";
import type { WholeAnswer } from "./read-answer.ts";

/** The bytes of a sound embeddings answer, with lists of numbers where base64 came unasked. */
export function floatEmbeddings({ bytes, answer }: WholeAnswer): Buffer {
  const data = answer["data"] as readonly unknown[];
  if (!data.some((item) => typeof asObject(item)?.["embedding"] === "string")) return bytes;
  const floats = data.map((item) => {
    const object = asObject(item) ?? {};
    const { embedding } = object;
    return typeof embedding === "string" ? { ...object, embedding: decode(embedding) } : object;
  });
  return Buffer.from(JSON.stringify({ ...answer, data: floats }));
}

function decode(text: string): readonly number[] {
  const bytes = Buffer.from(text, "base64");
  return Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
}
