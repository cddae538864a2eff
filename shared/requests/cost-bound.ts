import { fieldNames } from "../../config/request-fields.ts";
import { clientToolOfCall, isClientToolOutput } from "../responses/client-tools.ts";
import type { JsonObject } from "../json/json-object.ts";
import { hasProviderTools, toolTokens } from "./tool-bound.ts";

/**
 * A chat template may add so many tokens: begin and end of the conversation, and a default system
 * prompt.
 */
const BASE_TOKENS = 64;
/**
 * Role and separators of a message, or the ends of a prompt or an embedding's input, have at most
 * so many tokens.
 */
const TOKENS_PER_PROMPT = 16;

/** Parts whose text bounds their tokens. All other parts are media. */
const TEXT_PARTS = new Set<unknown>([
  "text",
  "refusal",
  "input_text",
  "output_text",
  "summary_text",
  "reasoning_text",
]);

/** Items of a response's input whose text bounds their tokens. Undefined means a message. */
const TEXT_ITEMS = new Set<unknown>([
  undefined,
  null,
  "message",
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "reasoning",
  "additional_tools",
]);

const mediaName = /^(?:input_)?(?:audio|image|video|file)s?(?:_data|_id|_url)?$/;

export interface InputBound {
  /** The most tokens that the text of the request can have. */
  readonly textTokens: number;
  /**
   * The field whose content no text bounds (images, audio, files, results of an upstream's own
   * tools), so that it may fill the context. Undefined when there is none.
   */
  readonly unbounded: string | undefined;
  /** That field asks for tools that a provider runs. Their fees and turns have no bound. */
  readonly hasProviderTools: boolean;
}

/**
 * Returns the most input tokens that a request can have, from its body as it goes upstream. A token
 * is never less than a byte of text, and JSON only makes text longer, so the body's bytes bound its
 * tokens. Prompts given as token numbers count their tokens. Some tokenizers normalise by NFKC
 * first (SentencePiece's `nmt_nfkc`: T5, XLM-R, bge-m3), so the longer of both texts counts. `body`
 * is the text of `fields`.
 */
export function inputBound(fields: JsonObject, body: string): InputBound {
  const { messages, prompt, input } = fields;
  let bound = mostBytes(body) + BASE_TOKENS + toolTokens(fields);
  if (Array.isArray(messages)) bound += TOKENS_PER_PROMPT * messages.length;
  for (const prompts of [prompt, input])
    if (prompts !== undefined)
      bound += TOKENS_PER_PROMPT * countPrompts(prompts) - tokenSlack(prompts);
  // A template in the request can repeat its input without limit.
  const found: Readonly<Record<string, boolean>> = {
    tools: hasProviderTools(fields),
    ...Object.fromEntries(fieldNames.tools.map((name) => [name, asks(fields[name])])),
    messages: hasMedia(messages),
    input: hasInputMedia(input),
    chat_template: fields["chat_template"] != null,
  };
  const unbounded = Object.keys(found).find((field) => found[field]);
  const runsTools =
    unbounded !== undefined && (unbounded === "tools" || fieldNames.tools.includes(unbounded));
  return { textTokens: bound, unbounded, hasProviderTools: runsTools };
}

/**
 * Returns true for a value that asks for something. Empty `web_search_options` ask for a search.
 */
function asks(value: unknown): boolean {
  return value != null && value !== false && value !== "";
}

/**
 * Returns the UTF-8 bytes of a text, as it is or normalised, whichever is more. U+FDFA has 3 bytes,
 * and 33 as the words that it stands for.
 */
function mostBytes(text: string): number {
  const bytes = Buffer.byteLength(text);
  const isAscii = bytes === text.length;
  return isAscii ? bytes : Math.max(bytes, Buffer.byteLength(text.normalize("NFKC")));
}

function countPrompts(prompts: unknown): number {
  return Array.isArray(prompts) && typeof prompts[0] !== "number" ? prompts.length : 1;
}

/** Returns the bytes that token numbers take in the body beyond one byte for each token. */
function tokenSlack(prompts: unknown): number {
  if (!Array.isArray(prompts)) return 0;
  if (typeof prompts[0] === "number") return JSON.stringify(prompts).length - prompts.length;
  return (prompts as unknown[])
    .filter((item) => Array.isArray(item))
    .reduce((slack: number, item) => slack + tokenSlack(item), 0);
}

function hasMedia(messages: unknown): boolean {
  if (!Array.isArray(messages)) return false;
  return (messages as Record<string, unknown>[]).some(
    (message) =>
      holdsMedia(message) ||
      (Array.isArray(message["content"]) && message["content"].some((part) => !isText(part))),
  );
}

/**
 * Media can stand beside the text: in a message, as in Ollama's own API, or in a part of type text.
 */
function holdsMedia(object: object): boolean {
  return Object.entries(object).some(
    ([name, value]) =>
      value != null && mediaName.test(name) && !(Array.isArray(value) && value.length === 0),
  );
}

/**
 * Returns true when items refer to data that an upstream has stored, or hold parts that are not
 * text.
 */
function hasInputMedia(input: unknown): boolean {
  if (!Array.isArray(input)) return false;
  return input.some((item: unknown) => {
    if (typeof item !== "object" || item === null || Array.isArray(item)) return false;
    const { type, content, output } = item as Record<string, unknown>;
    if (isTextItem(type)) return false;
    const parts = [content, output].filter((value) => Array.isArray(value)).flat();
    return !TEXT_ITEMS.has(type) || parts.some((part) => !isText(part));
  });
}

/** Returns true for calls of tools that the caller runs, and for their outputs. */
function isTextItem(type: unknown): boolean {
  return clientToolOfCall(type) !== undefined || isClientToolOutput(type);
}

function isText(part: unknown): boolean {
  if (typeof part === "string") return true;
  const object = part as { type?: unknown };
  return TEXT_PARTS.has(object.type) && !holdsMedia(object);
}
