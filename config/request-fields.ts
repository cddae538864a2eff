/**
 * Why a field matters for budgets, permissions and routing, in any spelling that an engine may
 * read. A field that the broker itself writes must not come a second time under another name.
 */
type FieldRule =
  /** The broker writes or consumes it, so only its own endpoint takes it, by its exact name. */
  | "written"
  /** Some engine takes it as an output cap or a number of choices. */
  | "cap"
  /** The broker reads it, so it passes by its exact name only. */
  | "read"
  /**
   * It lets the upstream run its own tools. It passes by its exact name only, and its cost has no
   * bound.
   */
  | "tools"
  /** The field chooses model, machine, context or code: the operator may set it, callers may not. */
  | "operator"
  /** Media outside the messages, where nobody checks their addresses. */
  | "media";

/** No engine's name is this long, and a name of megabytes takes seconds to fold. */
const MAX_NAME_CHARS = 256;

const WRITTEN = [
  "model",
  "messages",
  "prompt",
  "input",
  "stream",
  "stream_options",
  "max_tokens",
  "max_completion_tokens",
  "max_output_tokens",
  "min_tokens",
  "n",
  "best_of",
  "service_tier",
  "webhook_url",
  "background",
  "previous_response_id",
  "conversation",
] as const;

const READ = [
  "tools",
  "chat_template",
  "prediction",
  "modalities",
  "encoding_format",
  "metadata",
  "store",
] as const;

/** Fields of OpenAI, xAI, DashScope, Groq, Qianfan, Azure, Anthropic and Cohere. */
const TOOLS = words(`
  web_search_options search_parameters enable_search enable_web_search search_options
  search_settings web_search data_sources mcp_servers connectors code_interpreter
`);

/**
 * Fields from the request types of vLLM 0.32, SGLang 0.5, llama.cpp, TGI 3, Ollama 0.17, LiteLLM
 * and OpenRouter. They choose other models and adapters, other machines, regions and prices, other
 * prompts, state kept at an engine, code for it to run, or what it omits from its request and
 * answer. The rest comes from TensorRT-LLM, LMDeploy, Dynamo (`nvext`), text-generation-webui,
 * TabbyAPI, LM Studio and clouds.
 */
const OPERATOR = words(`
  models model_id model_name engine deployment deployment_id fallbacks
  context_window_fallbacks model_list router_settings provider plugins route lora lora_path
  lora_id lora_name lora_request adapter adapter_id adapters adapter_source api_base
  base_url api_key custom_llm_provider extra_headers extra_query num_retries max_retries
  priority request_id rid id_slot slot_id keep_alive routed_dp_rank data_parallel_rank
  disagg_prefill_dp_rank bootstrap_host bootstrap_port bootstrap_room kv_transfer_params
  ec_transfer_params session_params custom_logit_processor logits_processors response_fields
  input_ids input_embeds prompt_embeds prompt_token_ids inputs template modelfile num_ctx
  n_ctx context_length context_size ctx_size tokenize
  agent_id assistant_id preset character compound_custom ttl revision backend
  backend_instance_id prefill_worker_id decode_worker_id worker_id dp_rank disaggregated_params
  migration_request with_cache preserve_cache num_gpu main_gpu providers router routing
  region region_name aws_region_name vertex_location vertex_project allowed_model_region
  inference_geo speed performance_config deferred webhook callback_url organization api_type
  api_version endpoint_url api_url headers user_config litellm_metadata
  drop_params additional_drop_params allowed_openai_params mock_response prompt_id
  prompt_variables previous_input_messages token_data token_ids use_raw_prompt inputs_embeds
  cached_content instruction_template instruction_template_str chat_template_str
  prompt_template
`);

/** Patterns by which engines and gateways build names for the operator. */
const OPERATOR_PATTERNS = [
  /^(?:loras?|peft|adapters?)(?:$|path|id|int|name|request|source|model|weight|scale|module|url)/,
  /(?:models?|engines?|deployments?)(?:u?id|name|slug|path|version|group|alias|url)$|deployment$/,
  /^(?:draft|target|base|fallback|safety|judge|router|speculative|answering|reasoning|hf)models?$/,
  /logits?processors?$/,
];

const MEDIA = words(`
  image images image_url image_urls image_data video videos video_url video_data audio_url
  audio_data multi_modal_data multimodal_data file files file_data modality
`);

/** Patterns for names of caps and counts, since every engine has invented its own. */
const CAP_PATTERNS = [
  /^(?:max|maximum|limit).*(?:tok|len|predict|gener|gento|gen$|new|output|out$|complet|sampl|seq|respon|answer|choice)/,
  /^(?:n|num|nb|number|min|target)(?:of|to)?(?:predict|tok|gener|gen$|out$|output|new|complet|cmpl|choice|cand|beam|return|seq|sampl|best|respon|answer|len)/,
  /(?:tok|token|output|completion|gen|generate|generation|response|reply|answer|prediction)s?(?:limit|length|len|count|cap|max|amount|amt)$/,
  /^(?:tokensto.*|tokens|(?:new|output|completion|response|generated)tokens?|length(?:limit)?|predict|(?:candidate|sample|choice|sequence)s?count)$/,
  /max(?:imum)?(?:new|out|output|completion|gen|generated|response|decod\w+)tok/,
  /decod(?:e|ing)steps|(?:sample|completion|choice|candidate|generation|response|sequence)sper/,
  /beam|bestof/,
];

const COUNT_PATTERN =
  /^(?:n|num|nb|number)(?:of)?(?:$|complet|cmpl|choice|cand|beam|return|seq|sampl|best|respon|answer)|count$|sper|beam|bestof/;

const RULES: ReadonlyMap<string, readonly [FieldRule, string]> = new Map(
  (
    [
      ["media", MEDIA],
      ["operator", OPERATOR],
      ["tools", TOOLS],
      ["read", READ],
      ["written", WRITTEN],
    ] as const
  ).flatMap(([rule, names]) => names.map((name) => [foldName(name), [rule, name]] as const)),
);

export interface GovernedField {
  readonly rule: FieldRule;
  /** The broker's own name for the field; for a cap of an engine, the name as given. */
  readonly name: string;
  /** Tells whether it counts choices; the value 1 then asks for nothing. */
  readonly isCount: boolean;
}

/**
 * Folds a field's name at least as far as any engine does. Go's `encoding/json` (Ollama, LocalAI)
 * ignores case and reads U+017F as `s` and U+212A as `k`; others accept `maxTokens` for
 * `max_tokens`.
 */
export function foldName(name: string): string {
  return name
    .slice(0, MAX_NAME_CHARS)
    .normalize("NFKD")
    .toUpperCase()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "");
}

/**
 * Returns what a field's name governs in any spelling; undefined when it only concerns the engine.
 */
export function governedField(name: string): GovernedField | undefined {
  const folded = foldName(name);
  const isCount = COUNT_PATTERN.test(folded);
  const found = RULES.get(folded);
  if (found !== undefined) return { rule: found[0], name: found[1], isCount };
  if (OPERATOR_PATTERNS.some((pattern) => pattern.test(folded)))
    return { rule: "operator", name, isCount: false };
  if (CAP_PATTERNS.some((pattern) => pattern.test(folded))) return { rule: "cap", name, isCount };
  return undefined;
}

/** Splits a text of names separated by white space. */
export function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

/**
 * The names that the broker writes or reads, exactly as spelled; all others are looked up folded.
 */
export const fieldNames = { written: WRITTEN, read: READ, tools: TOOLS } as const;
