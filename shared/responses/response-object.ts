import type { ResponseContext } from "../contracts/response-context.ts";
import type { JsonObject } from "../json/json-object.ts";

/** Facts about a request beside its body. */
export interface EchoedResponse extends ResponseContext {
  /** The output cap that was applied. */
  readonly maxOutputTokens?: number | null;
}

export interface ResponseState {
  readonly status: "queued" | "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";
  readonly output?: readonly JsonObject[];
  /** Present for `failed`. OpenAI's list of codes is closed. */
  readonly error?: {
    readonly code: "server_error" | "rate_limit_exceeded" | "invalid_prompt";
    readonly message: string;
  };
  readonly incompleteReason?: "max_output_tokens" | "content_filter";
  readonly usage?: JsonObject;
  /** Unix seconds, present for `completed`. */
  readonly completedAt?: number;
}

/**
 * Makes OpenAI's Response object in any state, with every field that its clients need. `body` is
 * the request without the fields that the broker consumed. Fields that the request left out have
 * OpenAI's defaults.
 */
export function responseObject(
  body: JsonObject,
  context: EchoedResponse,
  state: ResponseState,
): JsonObject {
  const reason = state.incompleteReason;
  return {
    ...responseDefaults,
    ...echoOf(body),
    ...contextFields(context),
    status: state.status,
    completed_at: state.completedAt ?? null,
    error: state.error ?? null,
    incomplete_details: reason === undefined ? null : { reason },
    output: state.output ?? [],
    usage: state.usage ?? null,
  };
}

/**
 * Makes the Response object from an upstream's finished response. Fields that the request decided
 * have the request's values. All other fields, known or not, have the upstream's values.
 */
export function adoptedResponse(
  body: JsonObject,
  context: EchoedResponse,
  upstream: JsonObject,
): JsonObject {
  const said = Object.fromEntries(Object.entries(upstream).filter(([, value]) => value != null));
  return {
    ...responseDefaults,
    completed_at: null,
    error: null,
    incomplete_details: null,
    output: [],
    usage: null,
    ...said,
    ...echoOf(body),
    ...contextFields(context),
  };
}

const responseDefaults: JsonObject = {
  instructions: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: "default",
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: "disabled",
};

const echoed = [...Object.keys(responseDefaults), "prompt_cache_retention", "user"];

function echoOf(body: JsonObject): JsonObject {
  const given: Record<string, unknown> = {};
  for (const name of echoed) if (body[name] != null) given[name] = body[name];
  const { text } = given;
  if (typeof text === "object" && !Array.isArray(text))
    given["text"] = { ...(responseDefaults["text"] as object), ...text };
  return given;
}

function contextFields(context: EchoedResponse): JsonObject {
  return {
    id: context.id,
    object: "response",
    created_at: context.createdAt,
    model: context.model,
    background: context.background,
    store: context.store,
    previous_response_id: context.previousResponseId,
    max_output_tokens: context.maxOutputTokens ?? null,
    ...(context.conversation === undefined ? {} : { conversation: { id: context.conversation } }),
  };
}
