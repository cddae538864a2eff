import type { FailedEnd } from "../call-end.ts";

/** Words of a 404 for something that the request named. */
const NAMES_SOMETHING = /\b(?:model|item|response|previous_response_id)\b.*\b(?:not|no)\b/i;

/**
 * Tells whether an error says that the upstream has no `/v1/responses`, rather than no such model.
 */
export function isMissingEndpoint({ status, error }: FailedEnd): boolean {
  if (status === 405 || status === 501) return true;
  if (status !== 404) return false;
  if (error?.param !== undefined || error?.code === "model_not_found") return false;
  return !NAMES_SOMETHING.test(error?.message ?? "");
}
