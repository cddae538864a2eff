import type { ProviderConfig } from "../../config/config.ts";
import type { ReasoningField } from "./chat-messages.ts";

/** Clouds that refuse fields of a message that they do not know, and want no thoughts back. */
const strictDomains = ["openai.com", "azure.com", "mistral.ai", "groq.com"];

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
  const { hostname } = new URL(baseUrl);
  const isStrict = strictDomains.some((name) => hostname === name || hostname.endsWith(`.${name}`));
  return isStrict ? [] : ["reasoning_content"];
}
