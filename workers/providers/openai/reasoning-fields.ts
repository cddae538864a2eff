import type { ProviderConfig } from "../../../config/config.ts";
import type { ReasoningField } from "../responses/chat-messages.ts";

/** These clouds refuse unknown fields of a message, and take no reasoning back. */
const STRICT_DOMAINS = ["openai.com", "azure.com", "mistral.ai", "groq.com"];

/**
 * Chooses the fields in which a provider gets back what its model thought before it called a tool.
 * Engines ignore what their template does not read: vLLM calls it `reasoning`, llama.cpp and SGLang
 * call it `reasoning_content`. DeepSeek and similar clouds refuse a turn with tool calls that lacks
 * the latter. The configuration wins.
 */
export function reasoningFieldsOf({
  location,
  baseUrl,
  reasoningField,
}: Pick<ProviderConfig, "location" | "baseUrl" | "reasoningField">): readonly ReasoningField[] {
  if (reasoningField !== undefined) return reasoningField === "none" ? [] : [reasoningField];
  if (location === "local") return ["reasoning_content", "reasoning"];
  return isStrict(baseUrl) ? [] : ["reasoning_content"];
}

/** Tells whether a provider refuses unknown fields of a message. */
export function isStrict(baseUrl: string): boolean {
  const { hostname } = new URL(baseUrl);
  return STRICT_DOMAINS.some((name) => hostname === name || hostname.endsWith(`.${name}`));
}
