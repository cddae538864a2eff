import type { Counters } from "./counters.ts";
import type { Slots } from "./slots.ts";

type Tokens = Pick<Counters, "promptTokens" | "completionTokens" | "refusedFull">;

/** Writes `/metrics` in Prometheus text with vLLM's names. */
export function metricsText(slots: Slots, tokens: Tokens, model: string): string {
  const labels = `{engine="0",model_name=${JSON.stringify(model)}}`;
  const metrics: readonly (readonly [string, "gauge" | "counter", string, number])[] = [
    ["num_requests_running", "gauge", "Number of requests running.", slots.running],
    ["num_requests_waiting", "gauge", "Number of requests waiting.", slots.waiting],
    ["kv_cache_usage_perc", "gauge", "KV-cache usage, 1 means full.", slots.usage],
    ["prompt_tokens_total", "counter", "Prompt tokens processed.", tokens.promptTokens],
    ["generation_tokens_total", "counter", "Tokens generated.", tokens.completionTokens],
    ["num_preemptions_total", "counter", "Preemptions.", 0],
    ["admission_rejections_total", "counter", "Requests refused as full.", tokens.refusedFull],
  ];
  return metrics
    .map(
      ([name, type, help, value]) =>
        `# HELP vllm:${name} ${help}\n# TYPE vllm:${name} ${type}\nvllm:${name}${labels} ${value}\n`,
    )
    .join("");
}
