import { randomUUID } from "node:crypto";

/** The number of hexadecimal digits before a UUID's version. */
const TIME_DIGITS = 12;

type IdKind =
  | "api"
  | "batch"
  | "call"
  | "conv"
  | "file"
  | "item"
  | "job"
  | "key"
  | "msg"
  | "part"
  | "req"
  | "upload"
  | "worker";

/**
 * Returns `<kind>_` and the 32 hexadecimal digits of a UUID of version 7 (RFC 9562), which sorts by
 * time to the millisecond. Its random part is taken from a UUID of version 4, for which Node keeps
 * entropy ready.
 */
export function newId(kind: IdKind): string {
  const time = Date.now().toString(16).padStart(TIME_DIGITS, "0");
  const random = randomUUID()
    .replaceAll("-", "")
    .slice(TIME_DIGITS + 1);
  return `${kind}_${time}7${random}`;
}
