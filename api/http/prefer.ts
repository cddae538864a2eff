import type { IncomingHttpHeaders } from "node:http";
import { BrokerError } from "../../shared/errors/broker-error.ts";

/** A caller's preferences (RFC 7240). */
export interface Preferences {
  /** The caller wants a 202 and a job instead of the answer. */
  readonly respondAsync: boolean;
  /** The longest wait for the answer. */
  readonly waitMs: number | undefined;
}

const MAX_WAIT_SECONDS = 86_400;
/** Matches the text between commas. Commas in a quoted string belong to it. */
const PART = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;

/**
 * Reads the `Prefer` header. Unknown preferences are ignored, as the RFC requires. Throws
 * `BrokerError` `invalid_request` unless `wait` is a number of seconds.
 */
export function preferencesOf(headers: IncomingHttpHeaders): Preferences {
  const [header = ""] = [headers["prefer"]].flat();
  const preferences = new Map<string, string | undefined>();
  for (const [part] of header.matchAll(PART)) {
    const [, name = "", value] = /^\s*([^=;\s]+)\s*(?:=\s*"?([^;"]*)"?)?/.exec(part) ?? [];
    // If a preference comes twice, the first one counts.
    if (!preferences.has(name.toLowerCase())) preferences.set(name.toLowerCase(), value?.trim());
  }
  return {
    respondAsync: preferences.has("respond-async"),
    waitMs: preferences.has("wait") ? waitOf(preferences.get("wait")) : undefined,
  };
}

/** Writes the `Preference-Applied` header of an answer to these preferences. */
export function preferenceApplied({ respondAsync, waitMs }: Preferences): string | undefined {
  const applied = [
    ...(respondAsync ? ["respond-async"] : []),
    ...(waitMs === undefined ? [] : [`wait=${waitMs / 1_000}`]),
  ];
  return applied.length === 0 ? undefined : applied.join(", ");
}

function waitOf(value: string | undefined): number {
  const seconds = value !== undefined && /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
  if (!(seconds <= MAX_WAIT_SECONDS))
    throw new BrokerError(
      "invalid_request",
      `Prefer: wait must be a whole number of seconds, at most ${MAX_WAIT_SECONDS}.`,
      { param: "Prefer" },
    );
  return seconds * 1_000;
}
