import type { IncomingHttpHeaders } from "node:http";
import { BrokerError } from "../../shared/errors/broker-error.ts";

const PARAM = "Idempotency-Key";
const VISIBLE_ASCII = /^[\u0021-\u007e]{1,255}$/;
/** A string of RFC 8941, as the header's draft requires. */
const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/;

/**
 * Reads the key under which a request is done once. A bare value and a quoted string mean the same.
 * Without the header it returns undefined. Throws `BrokerError` `invalid_request` unless the key
 * has 1 to 255 visible ASCII characters.
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
