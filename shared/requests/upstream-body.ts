import { findNested, asksForSomething } from "../../config/nested-fields.ts";
import { governedField, type GovernedField } from "../../config/request-fields.ts";
import type { Endpoint } from "../contracts/endpoint.ts";
import type { BrokerError } from "../errors/broker-error.ts";
import type { JsonObject } from "../json/json-object.ts";
import { refusedField } from "./refused-field.ts";

/** The governed fields that go upstream as the endpoint's schema has checked them. */
const passed: Readonly<Record<Endpoint, ReadonlySet<string>>> = {
  "chat.completions": new Set(["messages", "n", "best_of", "min_tokens"]),
  completions: new Set(["prompt", "n", "best_of", "min_tokens"]),
  embeddings: new Set(["input"]),
  responses: new Set(["input", "prompt"]),
};

const CONSUMED = ["model", "stream", "stream_options", "service_tier", "webhook_url"];
const CAPS = ["max_tokens", "max_completion_tokens"];

/** The fields that the broker consumes or the worker writes for each target. */
const consumed: Readonly<Record<Endpoint, ReadonlySet<string>>> = {
  "chat.completions": new Set([...CONSUMED, ...CAPS]),
  completions: new Set([...CONSUMED, ...CAPS]),
  embeddings: new Set(CONSUMED),
  responses: new Set([
    ...CONSUMED,
    "max_output_tokens",
    "background",
    "conversation",
    "store",
    "previous_response_id",
  ]),
};

export interface UpstreamBody {
  readonly fields: JsonObject;
  /** The JSON text of `fields`. */
  readonly text: string;
}

export interface BodyParts {
  /** The caller's fields, for reading. */
  readonly fields: JsonObject;
  /** The same fields for writing. Numbers that a double would change are raw JSON. */
  readonly exact: JsonObject;
  /** The route's values for fields that the caller left out. */
  readonly defaults: JsonObject;
  /** The values that the broker has checked and counted. They replace the caller's. */
  readonly forced: JsonObject;
}

/**
 * Returns the caller's object as it goes upstream, without the fields that the worker writes. The
 * hold is computed from exactly this object. So a field that could be read as another spelling,
 * name or place of one that the broker owns is refused, or left out when it asks for nothing.
 * Everything else is left to the engine. Throws `BrokerError` `invalid_request` with the field as
 * `param`.
 */
export function upstreamBody(endpoint: Endpoint, parts: BodyParts): UpstreamBody {
  const { fields, exact, defaults, forced } = parts;
  const merged: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(exact)) {
    const fate = fateOf(endpoint, name, fields[name]);
    if (fate === "pass") merged[name] = value;
    else if (fate !== "drop") throw fate;
  }
  for (const [name, value] of Object.entries(defaults))
    if (fields[name] === undefined) merged[name] = value;
  Object.assign(merged, forced);
  // OpenAI takes the metadata of a chat only when it stores the chat. The broker shows metadata
  // with the job.
  if (endpoint !== "responses" && merged["store"] !== true) delete merged["metadata"];
  return { fields: merged, text: JSON.stringify(merged) };
}

/**
 * Filters the body of a job that an earlier version accepted: fields that are refused now are left
 * out. Returns the same object when all fields pass.
 */
export function passedFields(endpoint: Endpoint, body: JsonObject): JsonObject {
  const all = Object.entries(body);
  const kept = all.filter(([name, value]) => fateOf(endpoint, name, value) === "pass");
  return kept.length === all.length ? body : Object.fromEntries(kept);
}

const byExactName: ReadonlySet<GovernedField["rule"]> = new Set(["read", "tools"]);

function fateOf(endpoint: Endpoint, name: string, value: unknown): "pass" | "drop" | BrokerError {
  if (consumed[endpoint].has(name)) return "drop";
  if (passed[endpoint].has(name)) return "pass";
  const field = governedField(name);
  if (field !== undefined) {
    if (byExactName.has(field.rule) && field.name === name) return "pass";
    return asksForSomething(field, value) ? refusedField(endpoint, field, [name]) : "drop";
  }
  const nested = findNested(name, value);
  return nested === undefined ? "pass" : refusedField(endpoint, nested.field, nested.path);
}
