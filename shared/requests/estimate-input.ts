import { asObject, type JsonObject } from "../json/json-object.ts";
import { declaredTools } from "../responses/declared-tools.ts";
import { estimateTokens } from "./estimate-tokens.ts";
import { inputItems } from "./previous-turn.ts";

/**
 * The tokens that a template writes around a conversation, around each item, and once there are
 * tools.
 */
const BASE_TOKENS = 3;
const TOKENS_PER_ITEM = 4;
const TOOL_PREAMBLE_TOKENS = 60;
/** An image of about a megapixel has about so many tokens. Models differ by a factor of ten. */
const IMAGE_TOKENS = 800;
/** Any other file or recording counts as so many tokens, since its content is not read. */
const FILE_TOKENS = 2_000;

/** Fields that no template writes into the prompt. */
const UNSEEN = new Set([
  "call_id",
  "detail",
  "encrypted_content",
  "filename",
  "id",
  "phase",
  "role",
  "status",
  "tool_call_id",
  "type",
]);
const IMAGES = new Set(["image_url"]);
const FILES = new Set(["file_data", "file_id", "file_url", "input_audio"]);

/** Estimates the input tokens of a response request whose `input` includes its earlier turns. */
export function estimateInput(fields: JsonObject): number {
  const { instructions, input, text } = fields;
  const tools = declaredTools(fields);
  const format = asObject(asObject(text)?.["format"])?.["schema"];
  let tokens = BASE_TOKENS;
  if (typeof instructions === "string" && instructions !== "")
    tokens += TOKENS_PER_ITEM + estimateTokens(instructions);
  for (const item of inputItems(input))
    if (asObject(item)?.["type"] !== "additional_tools")
      tokens += TOKENS_PER_ITEM + tokensOfValue(item);
  if (tools.length > 0) tokens += TOOL_PREAMBLE_TOKENS;
  for (const { tool } of tools) tokens += estimateTokens(JSON.stringify(tool));
  if (format !== undefined) tokens += estimateTokens(JSON.stringify(format));
  return tokens;
}

function tokensOfValue(value: unknown): number {
  if (typeof value === "string") return estimateTokens(value);
  if (Array.isArray(value))
    return (value as unknown[]).reduce((sum: number, each) => sum + tokensOfValue(each), 0);
  return Object.entries(asObject(value) ?? {}).reduce((sum, [name, each]) => {
    if (UNSEEN.has(name) || each == null) return sum;
    if (IMAGES.has(name)) return sum + IMAGE_TOKENS;
    return sum + (FILES.has(name) ? FILE_TOKENS : tokensOfValue(each));
  }, 0);
}
