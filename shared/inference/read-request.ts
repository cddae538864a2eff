import type { z } from "zod";
import type { RouteConfig } from "../../config/config.ts";
import type { Endpoint } from "../contracts/endpoint.ts";
import { BrokerError } from "../errors/broker-error.ts";
import { checkFields } from "./check-fields.ts";
import type { CompiledRoute } from "./compiled-route.ts";
import { ignoredParts } from "../responses/ignored-parts.ts";
import { inputBound, type InputBound } from "./cost-bound.ts";
import type { JsonObject } from "../json/json-object.ts";
import type { ParsedBody } from "./parse-body.ts";
import { chatSchema } from "./schemas/chat-schema.ts";
import { completionSchema } from "./schemas/completion-schema.ts";
import { embeddingSchema } from "./schemas/embedding-schema.ts";
import { countPrompts, type PromptInput } from "./schemas/prompt-input.ts";
import { responsesSchema } from "./schemas/responses-schema.ts";
import { ownFields, upstreamBody } from "./upstream-body.ts";

/** The database counts tokens in 32 bits. */
const MAX_OUTPUT_TOKENS = 2 ** 31 - 1;

/** A request whose body is sound and whose model the key may use. */
export interface InferenceRequest {
  readonly route: CompiledRoute;
  readonly stream: boolean;
  readonly wantsUsage: boolean;
  readonly streamOptions: string | undefined;
  /** Choices, or embeddings, that a complete answer holds. */
  readonly choices: number;
  /** Per generated sequence; null: embeddings. */
  readonly maxOutputTokens: number | null;
  /** The most output tokens over all generated sequences. */
  readonly outputTokens: number;
  readonly input: InputBound;
  readonly serviceTier: z.output<typeof chatSchema>["service_tier"];
  /** Embeddings are to be delivered as base64; upstreams are always asked for floats. */
  readonly base64: boolean;
  /** The entry's body. */
  readonly body: string;
  /** The caller's own, shown with the job. */
  readonly metadata: unknown;
  /** Where the caller wants to be told of the job's end; not checked yet. */
  readonly webhookUrl: unknown;
  /** Of `/v1/responses`. */
  readonly response: ResponseTerms | undefined;
}

interface ResponseTerms {
  readonly background: boolean;
  readonly store: boolean;
  readonly previousResponseId: string | null;
  /** For reading: what becomes `body`. */
  readonly fields: JsonObject;
  /** What is left out where a provider does not serve responses itself, in words for a header. */
  readonly ignored: readonly string[];
}

/** Finds a public model for the caller. Throws `BrokerError` `model_not_found`. */
export type FindRoute = (model: string) => CompiledRoute;

/** Checks a request's body. Throws `BrokerError` with `param` for whatever is wrong. */
export function readRequest(
  endpoint: Endpoint,
  body: ParsedBody,
  findRoute: FindRoute,
): InferenceRequest {
  const { metadata = null, webhook_url: webhookUrl } = body.fields;
  return { metadata, webhookUrl, response: undefined, ...readKind(endpoint, body, findRoute) };
}

type OfKind = Omit<InferenceRequest, "metadata" | "webhookUrl" | "response"> &
  Partial<Pick<InferenceRequest, "response">>;

function readKind(endpoint: Endpoint, body: ParsedBody, findRoute: FindRoute): OfKind {
  if (endpoint === "embeddings") return readEmbedding(body, findRoute);
  if (endpoint === "responses") return readResponse(body, findRoute);
  return readGeneration(endpoint, body, findRoute);
}

function readResponse(body: ParsedBody, findRoute: FindRoute): OfKind {
  const request = checkFields(responsesSchema, body.fields);
  const route = findRoute(request.model);
  if (route.config.kind !== "chat") throw wrongKind(route.config, "does not chat");
  const cap = allowedCap(request.max_output_tokens, "max_output_tokens", route.config);
  const { defaults } = route.config;
  const upstream = upstreamBody(body.exact, defaults, {}, ownFields.response);
  return {
    route,
    stream: request.stream === true,
    wantsUsage: true,
    streamOptions: undefined,
    choices: 1,
    maxOutputTokens: cap,
    outputTokens: cap,
    input: inputBound(upstream.fields, upstream.text),
    serviceTier: request.service_tier,
    base64: false,
    body: upstream.text,
    response: {
      background: request.background === true,
      store: request.store !== false,
      previousResponseId: request.previous_response_id ?? null,
      fields: upstream.fields,
      ignored: ignoredParts(body.fields),
    },
  };
}

function readEmbedding(body: ParsedBody, findRoute: FindRoute): OfKind {
  const request = checkFields(embeddingSchema, body.fields);
  const route = findRoute(request.model);
  if (route.config.kind !== "embedding") throw wrongKind(route.config, "makes no embeddings");
  const { defaults } = route.config;
  const upstream = upstreamBody(body.exact, defaults, { encoding_format: "float" });
  return {
    route,
    stream: false,
    wantsUsage: false,
    streamOptions: undefined,
    choices: countPrompts(request.input),
    maxOutputTokens: null,
    outputTokens: 0,
    input: inputBound(upstream.fields, upstream.text),
    serviceTier: request.service_tier,
    base64: (request.encoding_format ?? defaults["encoding_format"]) === "base64",
    body: upstream.text,
  };
}

function readGeneration(
  endpoint: "chat.completions" | "completions",
  body: ParsedBody,
  findRoute: FindRoute,
): OfKind {
  const isChat = endpoint === "chat.completions";
  const request = checkFields(isChat ? chatSchema : completionSchema, body.fields);
  const route = findRoute(request.model);
  if (route.config.kind === "embedding") throw wrongKind(route.config, "makes embeddings only");
  const cap = outputCap(request, route.config);
  const prompts = isChat ? 1 : countPrompts(body.fields["prompt"] as PromptInput);
  const n = request.n ?? 1;
  const outputTokens = cap * Math.max(n, request.best_of ?? 1) * prompts;
  if (outputTokens > MAX_OUTPUT_TOKENS)
    throw new BrokerError("invalid_request", "Too many output tokens over all choices.", {
      param: "n",
    });
  const upstream = upstreamBody(body.exact, route.config.defaults, {});
  const options = body.exact["stream_options"];
  return {
    route,
    stream: request.stream === true,
    wantsUsage: request.stream_options?.include_usage === true,
    streamOptions: options == null ? undefined : JSON.stringify(options),
    choices: n * prompts,
    maxOutputTokens: cap,
    outputTokens,
    input: inputBound(upstream.fields, upstream.text),
    serviceTier: request.service_tier,
    base64: false,
    body: upstream.text,
  };
}

interface Caps {
  readonly max_tokens?: number | null | undefined;
  readonly max_completion_tokens?: number | null | undefined;
}

/** The most tokens of one choice: the caller's cap, else the route's, which is also the most. */
function outputCap(request: Caps, route: RouteConfig): number {
  const param = request.max_completion_tokens != null ? "max_completion_tokens" : "max_tokens";
  return allowedCap(request[param], param, route);
}

function allowedCap(
  asked: number | null | undefined,
  param: string,
  { maxOutputTokens }: RouteConfig,
): number {
  const cap = asked ?? maxOutputTokens;
  if (cap > maxOutputTokens)
    throw new BrokerError(
      "invalid_request",
      `${param} is too large: ${cap}. This model supports at most ${maxOutputTokens} output tokens.`,
      { param },
    );
  return cap;
}

function wrongKind(route: RouteConfig, what: string): BrokerError {
  return new BrokerError("invalid_request", `The model '${route.name}' ${what}.`, {
    param: "model",
  });
}
