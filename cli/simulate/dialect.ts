import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import type { SimulatedEndpoint } from "./inference-request.ts";

/** The names beyond OpenAI's that an engine family may obey; all of them are obeyed here. */
interface Dialect {
  /** Go's `encoding/json` matches names in any case, and the last value wins. */
  readonly ignoresCase: boolean;
  /** Names of the output cap besides OpenAI's, and of a minimum output, which raises the cap. */
  readonly caps: readonly string[];
  /** Names for the number of sequences per prompt, besides `n` and `best_of`. */
  readonly counts: readonly string[];
  /** Objects that may contain all of these fields too. */
  readonly containers: readonly string[];
  /** Names that choose another model or adapter. */
  readonly models: readonly string[];
  /** Names that replace the endpoint's prompt. */
  readonly prompts: readonly string[];
}

/**
 * Names from the request types of vLLM 0.32, SGLang 0.5, llama.cpp (`server-schema.cpp`), Ollama
 * 0.17 (`openai.go`, `api.Options`), TGI 3 (`GenerateParameters`) and gateways such as LiteLLM and
 * OpenRouter, and names that their users have requested.
 */
export const dialects = {
  vllm: {
    ignoresCase: false,
    caps: ["min_tokens", "max_new_tokens", "max_decode_steps"],
    counts: ["best_of", "beam_width"],
    containers: ["extra_body", "vllm_xargs", "sampling_params", "nvext"],
    models: ["lora_request", "lora_name", "backend_instance_id"],
    prompts: ["prompt_embeds", "prompt_token_ids", "token_data", "previous_input_messages"],
  },
  sglang: {
    ignoresCase: false,
    caps: ["max_new_tokens", "min_tokens", "min_new_tokens"],
    counts: ["num_beams"],
    containers: ["sampling_params", "custom_params", "extra_body"],
    models: ["lora_path"],
    prompts: ["input_ids", "input_embeds"],
  },
  llamacpp: {
    ignoresCase: false,
    caps: ["n_predict", "max_length"],
    counts: ["n_cmpl"],
    containers: ["options", "params"],
    models: ["lora"],
    prompts: [],
  },
  ollama: {
    ignoresCase: true,
    caps: ["num_predict", "n_predict"],
    counts: [],
    containers: ["options", "parameters"],
    models: ["modelfile"],
    prompts: ["template"],
  },
  tgi: {
    ignoresCase: false,
    caps: ["max_new_tokens", "max_length", "min_length", "auto_max_new_tokens", "gen_len"],
    counts: ["num_return_sequences", "num_beams"],
    containers: ["parameters", "gen_config", "generate_cfg", "settings"],
    models: ["adapter_id"],
    prompts: ["inputs"],
  },
  gateway: {
    ignoresCase: true,
    caps: ["max_gen_len", "maxOutputTokens", "max_gen_toks", "max_tokens_to_sample", "maxTokens"],
    counts: [
      "candidateCount",
      "candidate_count",
      "num_completions",
      "num_generations",
      "samples_per_prompt",
    ],
    containers: [
      "extra_body",
      "generation_config",
      "generationConfig",
      "model_kwargs",
      "kwargs",
      "litellm_params",
      "textGenerationConfig",
    ],
    models: ["models", "fallbacks", "model_id", "engine", "deployment_id", "preset", "agent_id"],
    prompts: ["prompt_id", "cached_content"],
  },
} as const satisfies Readonly<Record<string, Dialect>>;

export type DialectName = keyof typeof dialects;

const CAPS = ["max_tokens", "max_completion_tokens", "max_output_tokens"];
const COUNTS = ["n", "best_of"];
const OWN = ["model", "messages", "prompt", "input", "stream"];

/**
 * Rewrites a body to what such an engine obeys, in OpenAI's own names. The largest of several caps
 * and the largest of several counts hold, and other names for model and prompt replace these.
 */
export function obeyedBody(name: DialectName, endpoint: SimulatedEndpoint, body: JsonObject) {
  const dialect: Dialect = dialects[name];
  const fold = (key: string): string => (dialect.ignoresCase ? foldCase(key) : key);
  const named = (names: readonly string[]): ReadonlySet<string> => new Set(names.map(fold));
  const containers = named(dialect.containers);
  const places = [body];
  for (const place of places)
    for (const [key, value] of Object.entries(place)) {
      const inner = containers.has(fold(key)) ? asObject(value) : undefined;
      if (inner !== undefined) places.push(inner);
    }
  const valuesOf = (names: readonly string[]): readonly unknown[] => {
    const wanted = named(names);
    return places.flatMap((place) =>
      Object.entries(place).flatMap(([key, value]) => (wanted.has(fold(key)) ? [value] : [])),
    );
  };
  const obeyed: Record<string, unknown> = { ...body };
  for (const key of OWN) {
    const last = valuesOf([key]).at(-1);
    if (last !== undefined) obeyed[key] = last;
  }
  const model = valuesOf(dialect.models).findLast((value) => value != null);
  if (model !== undefined) obeyed["model"] = JSON.stringify(model);
  const prompt = valuesOf(dialect.prompts).findLast((value) => value != null);
  if (prompt !== undefined) obeyed[PROMPT_FIELDS[endpoint]] = prompt;
  const cap = largest(valuesOf([...CAPS, ...dialect.caps]));
  for (const key of CAPS) delete obeyed[key];
  if (cap !== undefined && endpoint !== "embeddings") obeyed[CAP_FIELDS[endpoint]] = cap;
  const counts = largest(valuesOf([...COUNTS, ...dialect.counts]));
  if (counts !== undefined) obeyed["best_of"] = counts;
  return obeyed;
}

const PROMPT_FIELDS = {
  "chat.completions": "messages",
  completions: "prompt",
  responses: "input",
  embeddings: "input",
} as const;

const CAP_FIELDS = {
  "chat.completions": "max_tokens",
  completions: "max_tokens",
  responses: "max_output_tokens",
} as const;

function largest(values: readonly unknown[]): number | undefined {
  const numbers = values.filter((value) => typeof value === "number" && value > 0);
  return numbers.length === 0 ? undefined : Math.max(...(numbers as number[]));
}

/** Simple case folding, in which U+017F is an `s` and U+212A a `k`. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}
