import type { ProviderConfig } from "../../../config/config.ts";
import type { ReasoningField } from "../responses/chat-messages.ts";

/** Clouds that refuse fields of a message that they do not know, and want no thoughts back. */
const STRICT_DOMAINS = ["openai.com", "azure.com", "mistral.ai", "groq.com"];

/**
 * In which fields a provider is given back what its model thought before it called a tool. Engines
 * ignore what their template does not read: vLLM calls it `reasoning`, llama.cpp and SGLang
 * `reasoning_content`. DeepSeek and its kin refuse a turn with tool calls that lacks the latter. What
 * the configuration says wins.
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

/** Whether a provider refuses members of a message that it does not know. */
export function isStrict(baseUrl: string): boolean {
  const { hostname } = new URL(baseUrl);
  return STRICT_DOMAINS.some((name) => hostname === name || hostname.endsWith(`.${name}`));
}
