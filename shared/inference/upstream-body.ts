import type { JsonObject } from "./parse-body.ts";

/** Written by the worker for each target, or consumed by the broker. */
const OWN_FIELDS = ["model", "stream_options", "service_tier", "webhook_url"] as const;

/** The same, of a response and of all others. */
export const ownFields = {
  response: [
    ...OWN_FIELDS,
    "stream",
    "background",
    "store",
    "previous_response_id",
    "max_output_tokens",
  ],
  other: [...OWN_FIELDS, "max_tokens", "max_completion_tokens"],
} as const;

export interface UpstreamBody {
  readonly fields: JsonObject;
  /** JSON text of `fields`. */
  readonly text: string;
}

/**
 * The caller's object as it goes upstream, but for the fields that the worker writes: configured
 * defaults fill in what was left out, `forced` fields replace the caller's.
 */
export function upstreamBody(
  caller: JsonObject,
  defaults: JsonObject,
  forced: JsonObject,
  own: readonly string[] = ownFields.other,
): UpstreamBody {
  const merged = { ...caller };
  for (const [name, value] of Object.entries(defaults))
    if (merged[name] === undefined) merged[name] = value;
  Object.assign(merged, forced);
  for (const name of own) delete merged[name];
  return { fields: merged, text: JSON.stringify(merged) };
}
