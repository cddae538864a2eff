import { asObject } from "../../../shared/json/json-object.ts";
import type { ProviderCall } from "../provider.ts";

interface PromptShares {
  readonly prompts: number;
  /** Choices per prompt. */
  readonly n: number;
}

/** Divides the choices of a call among its prompts. A chat has one prompt. */
export function promptShares({
  endpoint,
  choices,
  body,
}: Pick<ProviderCall, "endpoint" | "choices" | "body">): PromptShares {
  if (endpoint !== "completions") return { prompts: 1, n: choices };
  if (choices === 1) return { prompts: 1, n: 1 };
  const n = asObject(JSON.parse(body))?.["n"];
  const shares = typeof n === "number" && n >= 1 ? n : 1;
  return { prompts: Math.max(1, Math.floor(choices / shares)), n: shares };
}
