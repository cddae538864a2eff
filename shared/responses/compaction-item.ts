import { stringAt, type JsonObject } from "../json/json-object.ts";

/** Compactions made here are no secret: the mark tells them from an upstream's encrypted ones. */
const MARK = "spillway.summary.1.";

/** The summary that such an item holds; undefined for one that was made elsewhere. */
export function summaryOf(item: JsonObject): string | undefined {
  const content = stringAt(item, "encrypted_content");
  if (item["type"] !== "compaction" || !content.startsWith(MARK)) return undefined;
  return Buffer.from(content.slice(MARK.length), "base64url").toString();
}

/** The same for the model to read. */
export function summaryMessage(summary: string): JsonObject {
  const text = `The conversation before this point, in short:\n\n${summary}`;
  return { type: "message", role: "developer", content: [{ type: "input_text", text }] };
}
