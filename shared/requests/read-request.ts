import { foldName } from "../../config/request-fields.ts";
import type { RouteConfig } from "../../config/config.ts";
import type { ConversationTurn } from "../conversations/begin-turn.ts";
import type { Endpoint } from "../contracts/endpoint.ts";
import type { Compaction } from "../contracts/response-context.ts";
import { BrokerError } from "../errors/broker-error.ts";
import { checkFields } from "./check-fields.ts";
import type { CompiledRoute } from "../routing/compiled-route.ts";
import { ignoredParts } from "../responses/ignored-parts.ts";
import { inputBound, type InputBound } from "./cost-bound.ts";
import { asObject, type JsonObject } from "../json/json-object.ts";
import { outputCap } from "./output-cap.ts";
import type { ParsedBody } from "./parse-body.ts";
import { chatSchema } from "./schemas/chat-schema.ts";
import { completionSchema } from "./schemas/completion-schema.ts";
import { embeddingSchema } from "./schemas/embedding-schema.ts";
import { countPrompts, type PromptInput } from "./schemas/prompt-input.ts";
import { responsesSchema } from "./schemas/responses-schema.ts";
import { upstreamBody } from "./upstream-body.ts";

/** The database counts tokens in 32 bits. */
const MAX_OUTPUT_TOKENS = 2 ** 31 - 1;

/** A request with a valid body and a model that the key may use. */
export interface InferenceRequest {
  readonly route: CompiledRoute;
  readonly stream: boolean;
  readonly wantsUsage: boolean;
  readonly streamOptions: string | undefined;
  /** The number of choices, or of embeddings, in a complete answer. */
  readonly choices: number;
  /** The cap per generated sequence. Null for embeddings. */
  readonly maxOutputTokens: number | null;
  /** The caller named no output cap, or one above the route's. */
  readonly capIsDefault: boolean;
  /** The route's output cap. Undefined unless the caller asked for more. */
  readonly loweredCap: number | undefined;
  /** The limit covers all generated sequences together. */
  readonly outputTokens: number;
  readonly input: InputBound;
  readonly serviceTier: "auto" | "default" | "flex" | "priority";
  /** The caller wants embeddings as base64. Upstreams are always asked for floats. */
  readonly base64: boolean;
  /** The body of the entry. */
  readonly body: string;
  /** The caller's metadata, which is shown with the job. */
  readonly metadata: unknown;
  /** The address that gets the event of the job's end. It is not checked yet. */
  readonly webhookUrl: unknown;
  /** The caller wants to read request and answer later, as a response or as a chat completion. */
  readonly stored: boolean;
  /** Present for `/v1/responses` only. */
  readonly response: ResponseInput | undefined;
  /**
   * The field that named a file which only some targets read: it is neither a text nor an image.
   */
  readonly opaqueFile?: string | undefined;
}

interface ResponseInput {
  readonly background: boolean;
  readonly store: boolean;
  readonly previousResponseId: string | null;
  /** The fields that become `body`, for reading. */
  readonly fields: JsonObject;
  /**
   * The parts that are left out for a provider that does not serve responses itself, in words for a
   * header.
   */
  readonly ignored: readonly string[];
  /** Present when the answer becomes a compaction. */
  readonly compaction?: Compaction;
  /** The request adds these items to its conversation. */
  readonly turn?: ConversationTurn;
}

/** Finds a public model for the caller. Throws `BrokerError` `model_not_found`. */
export type FindRoute = (model: string) => CompiledRoute;

/** Checks a request's body. Throws `BrokerError` with `param` for any fault. */
export function readRequest(
  endpoint: Endpoint,
  body: ParsedBody,
  findRoute: FindRoute,
): InferenceRequest {
  const { metadata = null, webhook_url: webhookUrl } = body.fields;
  const kind = readKind(endpoint, body, findRoute);
  const stored =
    kind.response?.store ?? (endpoint === "chat.completions" && body.fields["store"] === true);
  return { metadata, webhookUrl, response: undefined, ...kind, stored };
}

type OfKind = Omit<InferenceRequest, "metadata" | "webhookUrl" | "stored" | "response"> &
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
  const caps = { max_output_tokens: request.max_output_tokens };
  const { cap, ...capRules } = outputCap("responses", caps, route.config);
  const { defaults } = route.config;
  const upstream = upstreamBody("responses", { ...body, defaults, forced: {} });
  return {
    ...capRules,
    route,
    stream: request.stream === true,
    wantsUsage: true,
    streamOptions: undefined,
    choices: 1,
    maxOutputTokens: cap,
    outputTokens: tokensOfChoice(cap, body.fields["prediction"]),
    input: inputBound(upstream.fields, upstream.text),
    serviceTier: knownTier(request.service_tier),
    base64: false,
    body: upstream.text,
    response: {
      background: request.background === true,
      // The result of a background request can only be fetched later, so it is always stored.
      store: request.store !== false || request.background === true,
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
  const forced = { encoding_format: "float" };
  const upstream = upstreamBody("embeddings", { ...body, defaults, forced });
  return {
    route,
    stream: false,
    wantsUsage: false,
    streamOptions: undefined,
    choices: countPrompts(request.input),
    maxOutputTokens: null,
    capIsDefault: false,
    loweredCap: undefined,
    outputTokens: 0,
    input: inputBound(upstream.fields, upstream.text),
    serviceTier: knownTier(request.service_tier),
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
  const { max_tokens, max_completion_tokens } = request;
  const caps = { max_tokens, max_completion_tokens };
  const { cap, ...capRules } = outputCap(endpoint, caps, route.config);
  const prompts = isChat ? 1 : countPrompts(body.fields["prompt"] as PromptInput);
  const n = request.n ?? 1;
  const sequences = Math.max(n, request.best_of ?? 1) * prompts;
  const outputTokens = tokensOfChoice(cap, body.fields["prediction"]) * sequences;
  if (outputTokens > MAX_OUTPUT_TOKENS)
    throw new BrokerError("invalid_request", "Too many output tokens over all choices.", {
      param: "n",
    });
  const { defaults } = route.config;
  const upstream = upstreamBody(endpoint, { ...body, defaults, forced: counted(request, cap) });
  return {
    ...capRules,
    route,
    stream: request.stream === true,
    wantsUsage: request.stream_options?.include_usage === true,
    streamOptions: streamOptionsOf(body.exact["stream_options"]),
    choices: n * prompts,
    maxOutputTokens: cap,
    outputTokens,
    input: inputBound(upstream.fields, upstream.text),
    serviceTier: knownTier(request.service_tier),
    base64: false,
    body: upstream.text,
  };
}

/**
 * Some engines generate a token even when none was asked for (llama.cpp, vLLM with `echo`), and
 * clouds bill the tokens of a predicted output that did not come.
 */
function tokensOfChoice(cap: number, prediction: unknown): number {
  const predicted = prediction == null ? 0 : Buffer.byteLength(JSON.stringify(prediction));
  return Math.max(cap, 1) + predicted;
}

interface Counted {
  readonly n?: number | null | undefined;
  readonly best_of?: number | null | undefined;
  readonly min_tokens?: number | null | undefined;
}

/**
 * Returns the counts as they were checked. A lowered cap also lowers the least number of tokens.
 */
function counted({ n, best_of: bestOf, min_tokens: least }: Counted, cap: number): JsonObject {
  return {
    ...(n == null ? {} : { n }),
    ...(bestOf == null ? {} : { best_of: bestOf }),
    ...(least == null ? {} : { min_tokens: Math.min(least, cap) }),
  };
}

/**
 * Removes other spellings of the field that the worker writes, since a later spelling would
 * override it.
 */
function streamOptionsOf(options: unknown): string | undefined {
  const object = asObject(options);
  if (object === undefined) return undefined;
  const kept = Object.entries(object).filter(
    ([name]) => name === "include_usage" || foldName(name) !== "includeusage",
  );
  return JSON.stringify(Object.fromEntries(kept));
}

/** Other tiers of OpenAI and its clients, such as `scale`, mean the same as no tier. */
function knownTier(tier: string | null | undefined): InferenceRequest["serviceTier"] {
  return tier === "auto" || tier === "flex" || tier === "priority" ? tier : "default";
}

function wrongKind(route: RouteConfig, what: string): BrokerError {
  return new BrokerError("invalid_request", `The model '${route.name}' ${what}.`, {
    param: "model",
  });
}
