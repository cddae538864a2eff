import { isUtf8 } from "node:buffer";
import { Refusal } from "./refusal.ts";

/** One input text; a prompt given as tokens has no text. */
export interface Prompt {
  /** Everything that counts as input. */
  readonly text: string;
  /** The last user message, or the prompt: where `[sim …]` directives stand. */
  readonly lastText: string;
  readonly tokens: number;
}

export interface GenerationRequest {
  readonly endpoint: "chat.completions" | "completions";
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly n: number;
  /** Sequences generated for each prompt, of which `n` are returned. */
  readonly bestOf: number;
  readonly maxTokens: number | undefined;
  readonly prompts: readonly Prompt[];
}

export interface EmbeddingRequest {
  readonly endpoint: "embeddings";
  readonly model: string;
  readonly prompts: readonly Prompt[];
  readonly base64: boolean;
  readonly dimensions: number | undefined;
}

type JsonObject = Readonly<Record<string, unknown>>;

/** Reads a request body. Throws `Refusal` (400) for what a real upstream would not take. */
export function readInferenceRequest(
  endpoint: GenerationRequest["endpoint"] | "embeddings",
  bytes: Buffer,
): GenerationRequest | EmbeddingRequest {
  const body = parseObject(bytes);
  const model = body["model"];
  if (typeof model !== "string") throw invalid("model", "must be a string");
  if (endpoint === "embeddings") {
    const format = body["encoding_format"] ?? "float";
    if (format !== "float" && format !== "base64") {
      throw invalid("encoding_format", "must be 'float' or 'base64'");
    }
    const dimensions = count(body, "dimensions", 4096);
    const prompts = readPrompts("input", body["input"]);
    return { endpoint, model, prompts, base64: format === "base64", dimensions };
  }
  const stream = flag(body, "stream");
  const n = count(body, "n", 128) ?? 1;
  const bestOf = (endpoint === "completions" ? count(body, "best_of", 128) : undefined) ?? n;
  if (bestOf < n) throw invalid("best_of", `must be at least n, got ${bestOf}`);
  if (stream && bestOf > n) throw invalid("best_of", "cannot be streamed");
  const maxTokens = count(body, "max_completion_tokens") ?? count(body, "max_tokens");
  const prompts =
    endpoint === "completions"
      ? readPrompts("prompt", body["prompt"])
      : [readMessages(body["messages"])];
  const streamOptions = body["stream_options"];
  const includeUsage = stream && isObject(streamOptions) && streamOptions["include_usage"] === true;
  return { endpoint, model, stream, includeUsage, n, bestOf, maxTokens, prompts };
}

function parseObject(bytes: Buffer): JsonObject {
  if (!isUtf8(bytes)) throw new Refusal({ status: 400, message: "The body is not valid UTF-8." });
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    const detail = error instanceof SyntaxError ? error.message : "unreadable";
    throw new Refusal({ status: 400, message: `We could not parse the JSON body: ${detail}` });
  }
  if (!isObject(value)) throw new Refusal({ status: 400, message: "The body must be an object." });
  return value;
}

function readMessages(value: unknown): Prompt {
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid("messages", "must be a list with at least one message");
  }
  const texts: string[] = [];
  let lastText = "";
  for (const message of value) {
    if (!isObject(message) || typeof message["role"] !== "string") {
      throw invalid("messages", "must hold objects with a role");
    }
    const text = contentText(message["content"]);
    texts.push(text);
    if (message["role"] === "user") lastText = text;
  }
  return { ...textPrompt(texts.join("\n")), lastText };
}

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (content === undefined || content === null) return "";
  if (!Array.isArray(content)) throw invalid("messages", "content must be text or a list of parts");
  let text = "";
  for (const part of content) {
    if (!isObject(part)) throw invalid("messages", "content parts must be objects");
    const partText = part["text"];
    // Media count as the text of their part: deterministic, and dear when inlined.
    text += typeof partText === "string" ? partText : JSON.stringify(part);
  }
  return text;
}

function readPrompts(field: string, value: unknown): Prompt[] {
  if (typeof value === "string") return [textPrompt(value)];
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid(field, "must be text, tokens, or a list of these");
  }
  const items: readonly unknown[] = value;
  if (items.every(isToken)) return [tokenPrompt(items.length)];
  return items.map((item) => {
    if (typeof item === "string") return textPrompt(item);
    if (Array.isArray(item) && item.length > 0 && item.every(isToken)) {
      return tokenPrompt(item.length);
    }
    throw invalid(field, "must be text, tokens, or a list of these");
  });
}

function textPrompt(text: string): Prompt {
  return { text, lastText: text, tokens: Math.ceil(Buffer.byteLength(text) / 4) };
}

function tokenPrompt(tokens: number): Prompt {
  return { text: "", lastText: "", tokens };
}

function isToken(value: unknown): boolean {
  return Number.isInteger(value);
}

function count(body: JsonObject, field: string, most = Infinity): number | undefined {
  const value = body[field] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value)) {
    throw invalid(field, "must be a whole number");
  }
  if (value < 1) throw invalid(field, `must be at least 1, got ${value}`);
  if (value > most) throw invalid(field, `must be at most ${most}, got ${value}`);
  return value;
}

function flag(body: JsonObject, field: string): boolean {
  const value = body[field] ?? false;
  if (typeof value !== "boolean") throw invalid(field, "must be true or false");
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(field: string, what: string): Refusal {
  return new Refusal({
    status: 400,
    message: `${field} ${what}`,
    param: field,
    code: "invalid_value",
  });
}
