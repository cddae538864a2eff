import { hash } from "node:crypto";
import { BrokerError } from "../errors/broker-error.ts";

const PREFIX = "swsum1_";
const CHECK_CHARS = 16;

/**
 * Writes a summary as the `encrypted_content` of a compaction item, which clients store and send
 * back. Nothing in it is secret. The broker trusts it no more than a message of the client: a model
 * reads it as the user's words and nothing else. So it needs no key, only a check that it is
 * complete.
 */
export function sealSummary(summary: string): string {
  const text = Buffer.from(summary).toString("base64url");
  return `${PREFIX}${checkOf(text)}_${text}`;
}

/**
 * Reads the summary of a compaction item. Undefined when another provider made the item. Throws
 * `BrokerError` `invalid_request` with `param` when the broker made the item and it is incomplete.
 */
export function openSummary(sealed: unknown, param: string): string | undefined {
  if (typeof sealed !== "string" || !sealed.startsWith(PREFIX)) return undefined;
  const text = sealed.slice(PREFIX.length + CHECK_CHARS + 1);
  if (sealed !== `${PREFIX}${checkOf(text)}_${text}`)
    throw new BrokerError("invalid_request", `'${param}' is not whole any more.`, { param });
  return Buffer.from(text, "base64url").toString();
}

function checkOf(text: string): string {
  return hash("sha256", text).slice(0, CHECK_CHARS);
}
