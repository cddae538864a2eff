import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { count, readBoolean, invalid } from "./body-fields.ts";
import { type FunctionTool, readFunctionTools } from "./function-tools.ts";
import { type Prompt, readPrompts } from "./prompt.ts";
import { readInput } from "./read-input.ts";
import { readMessages } from "./read-messages.ts";
import type { SimulatorKind } from "./http-error.ts";

export interface GenerationRequest {
  readonly endpoint: "chat.completions" | "completions" | "responses";
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly n: number;
  /** Sequences generated for each prompt, of which `n` are returned. */
  readonly bestOf: number;
  readonly maxTokens: number | undefined;
  readonly prompts: readonly Prompt[];
  /** The functions that the answer may call. */
  readonly tools: readonly FunctionTool[];
  /** How many calls one answer may make. */
  readonly maxCalls: number;
  /** The JSON Schema that the answer's text must match. */
  readonly answerSchema: unknown;
  /** The body as it arrived. */
  readonly body: JsonObject;
}

export interface EmbeddingRequest {
  readonly endpoint: "embeddings";
  readonly model: string;
  readonly prompts: readonly Prompt[];
  readonly base64: boolean;
  readonly dimensions: number | undefined;
}

export type SimulatedEndpoint = (GenerationRequest | EmbeddingRequest)["endpoint"];

/** Reads a request body. Throws `HttpError` for anything that a real upstream would refuse. */
export function readInferenceRequest(
  endpoint: SimulatedEndpoint,
  body: JsonObject,
  kind: SimulatorKind,
): GenerationRequest | EmbeddingRequest {
  const { model } = body;
  if (typeof model !== "string") throw invalid("model", "must be a string");
  if (endpoint === "embeddings") return readEmbedding(body, model);
  const stream = readBoolean(body, "stream");
  const includeUsage = stream && asObject(body["stream_options"])?.["include_usage"] === true;
  const base = { endpoint, model, body, stream, includeUsage };
  if (endpoint === "responses") return { ...base, ...readResponse(body, kind) };
  const n = count(body, "n", 128) ?? 1;
  const maxTokens = count(body, "max_completion_tokens") ?? count(body, "max_tokens");
  if (endpoint === "chat.completions") {
    const answerSchema = asObject(asObject(body["response_format"])?.["json_schema"])?.["schema"];
    const prompts = [readMessages(body["messages"])];
    const calls = readCalls(body, endpoint);
    const bestOf = Math.max(n, count(body, "best_of") ?? 1);
    return { ...base, ...calls, n, bestOf, maxTokens, prompts, answerSchema };
  }
  const bestOf = count(body, "best_of") ?? n;
  if (bestOf < n) throw invalid("best_of", `must be at least n, got ${bestOf}`);
  if (stream && bestOf > n) throw invalid("best_of", "cannot be streamed");
  const prompts = readPrompts("prompt", body["prompt"]);
  const noCalls = { tools: [], maxCalls: 0, answerSchema: undefined };
  return { ...base, ...noCalls, n, bestOf, maxTokens, prompts };
}

function readResponse(
  body: JsonObject,
  kind: SimulatorKind,
): Omit<GenerationRequest, "endpoint" | "model" | "body" | "stream" | "includeUsage"> {
  // The simulator stores nothing, so nobody could read the answer later.
  if (readBoolean(body, "background")) throw invalid("background", "is not supported");
  const format = asObject(asObject(body["text"])?.["format"]);
  return {
    n: 1,
    bestOf: count(body, "best_of") ?? 1,
    maxTokens: count(body, "max_output_tokens"),
    prompts: [readInput(body, kind)],
    ...readCalls(body, "responses"),
    answerSchema: format?.["type"] === "json_schema" ? format["schema"] : undefined,
  };
}

function readCalls(
  body: JsonObject,
  endpoint: "chat.completions" | "responses",
): Pick<GenerationRequest, "tools" | "maxCalls"> {
  const tools = readFunctionTools(body, endpoint);
  return { tools, maxCalls: body["parallel_tool_calls"] === false ? 1 : Infinity };
}

function readEmbedding(body: JsonObject, model: string): EmbeddingRequest {
  const format = body["encoding_format"] ?? "float";
  if (format !== "float" && format !== "base64") {
    throw invalid("encoding_format", "must be 'float' or 'base64'");
  }
  const dimensions = count(body, "dimensions", 4096);
  const prompts = readPrompts("input", body["input"]);
  return { endpoint: "embeddings", model, prompts, base64: format === "base64", dimensions };
}
