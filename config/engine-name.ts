/**
 * The engines that are known by name; `openai` stands for anything else that speaks the OpenAI API.
 */
export const engineNames = [
  "vllm",
  "sglang",
  "llamacpp",
  "ollama",
  "lmstudio",
  "tgi",
  "infinity",
  "openai",
] as const;

export type EngineName = (typeof engineNames)[number];
