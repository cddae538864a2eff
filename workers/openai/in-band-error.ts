import type { FailedEnd } from "./call-stopped.ts";
import { classifyError } from "./classify-error.ts";
import { readComplaint } from "./complaint.ts";
import { asObject } from "../../shared/json/json-object.ts";

/** An error inside a 200 answer or an event (`{"error":…}` at the top), as a failure. */
export function readInBandError(parsed: unknown): FailedEnd | undefined {
  const object = asObject(parsed);
  if (object === undefined) return undefined;
  // Some vendors send `"error": null` or `""` in good answers.
  if (!object["error"] && object["object"] !== "error") return undefined;
  const complaint = readComplaint(object);
  return classifyError({ status: undefined, complaint, retryAfterMs: undefined });
}

/** The data of an `error` event, in any shape. */
export function readErrorEvent(data: unknown): FailedEnd {
  const complaint = readComplaint(data);
  return classifyError({ status: undefined, complaint, retryAfterMs: undefined });
}
