import type { IncomingHttpHeaders } from "node:http";
import { BrokerError } from "../../shared/errors/broker-error.ts";

const PARAM = "Idempotency-Key";
const VISIBLE_ASCII = /^[\u0021-\u007e]{1,255}$/;
/** A string of RFC 8941, as the draft of the header wants it. */
const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/;

/**
 * The key under which a request is done once: the header's value, bare or as a quoted string, which
 * mean the same. Undefined without the header; throws `BrokerError` `invalid_request` for what is no
 * key of 1 to 255 visible ASCII characters.
 */
export function idempotencyKeyOf(headers: IncomingHttpHeaders): string | undefined {
  const header = headers["idempotency-key"];
  if (header === undefined) return undefined;
  const text = String(header).trim();
  const key = text.startsWith('"') ? QUOTED.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, "$1") : text;
  if (key === undefined || !VISIBLE_ASCII.test(key))
    throw new BrokerError(
      "invalid_request",
      `${PARAM} must have 1 to 255 visible ASCII characters, without spaces.`,
      { param: PARAM },
    );
  return key;
}
