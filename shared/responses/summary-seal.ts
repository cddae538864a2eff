import { hash } from "node:crypto";
import { BrokerError } from "../errors/broker-error.ts";

const PREFIX = "swsum1_";
const CHECK_CHARS = 16;

/**
 * A summary as the `encrypted_content` of a compaction item, which clients carry about and send back.
 * Nothing in it is secret, and whoever sends it is believed no more than with a message of their own:
 * it is read as the user's words and nothing else. So it needs no key, only a check that it is whole.
 */
export function sealSummary(summary: string): string {
  const text = Buffer.from(summary).toString("base64url");
  return `${PREFIX}${checkOf(text)}_${text}`;
}

/**
 * The summary in a compaction item; undefined for what another provider made. Throws `BrokerError`
 * `invalid_request` with `param` for one of ours that is not whole.
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
