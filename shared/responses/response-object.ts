import type { ResponseContext } from "../contracts/response-context.ts";
import type { JsonObject } from "../json/json-object.ts";

/** What a response's request is known by beside its body. */
export interface EchoedResponse extends ResponseContext {
  /** The output cap that was applied, as in the job's request. */
  readonly maxOutputTokens?: number | null;
}

export interface ResponseState {
  readonly status: "queued" | "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";
  readonly output?: readonly JsonObject[];
  /** Of `failed`: the codes are a closed list at OpenAI. */
  readonly error?: {
    readonly code: "server_error" | "rate_limit_exceeded" | "invalid_prompt";
    readonly message: string;
  };
  readonly incompleteReason?: "max_output_tokens" | "content_filter";
  readonly usage?: JsonObject;
  /** Unix seconds; of `completed`. */
  readonly completedAt?: number;
}

/**
 * The Response object of OpenAI in any state, with every field that its clients need. `body` is
 * the request without what the broker consumed; what the request left out has OpenAI's defaults.
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
 * What an upstream says of a finished response, as an answer to this request: what the request
 * decided is told as the request had it, and the rest, known or not, as the upstream said it.
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
