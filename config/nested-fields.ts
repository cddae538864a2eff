import { foldName, governedField, words, type GovernedField } from "./request-fields.ts";

/**
 * Objects in which some engine or gateway looks for fields that belong to the top level. The list
 * has all that we know; an unknown object may also be one.
 */
const CONTAINERS = new Set(
  words(`
  extra_body extra_params extra additional_params options parameters params sampling_params
  sampling_parameters sampling generation_config generation_kwargs gen_kwargs
  generate_kwargs model_kwargs kwargs config inference_config inference_params
  provider_options additional_model_request_fields custom_params vllm_xargs
  chat_template_kwargs template_vars nvext litellm_params body request
`).map((name) => foldName(name)),
);

/** Objects whose keys are the caller's own words: JSON schemas, texts, token biases, tools. */
const CALLERS_OWN =
  /schema|guided|structured|grammar|format|regex|tools?$|toolchoice|functions?$|documents?|logitbias|prediction|metadata|reasoning|thinking|moderation|labels/;

export interface NestedField {
  readonly path: readonly (string | number)[];
  readonly field: GovernedField;
}

/**
 * Rules that hold in every object. The others, such as media, would hit fields that an engine's own
 * object has for another purpose.
 */
const RULES_EVERYWHERE: ReadonlySet<GovernedField["rule"]> = new Set([
  "cap",
  "written",
  "operator",
  "tools",
]);

/**
 * Finds the first field inside an unknown one that decides what a request may cost or where it
 * goes. In objects that engines are known to unpack, every governed field counts. Null
 * and -1 count too: an engine that unpacks them over the broker's own value would have no cap.
 */
export function findNested(name: string, value: unknown): NestedField | undefined {
  const folded = foldName(name);
  if (CALLERS_OWN.test(folded)) return undefined;
  return find(value, [name], CONTAINERS.has(folded));
}

function find(
  value: unknown,
  path: readonly (string | number)[],
  isContainer: boolean,
): NestedField | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      const found = find(item, [...path, index], isContainer);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  for (const [key, inner] of Object.entries(value)) {
    const field = governedField(key);
    if (field !== undefined && (isContainer || RULES_EVERYWHERE.has(field.rule))) {
      // A front end may send a list of switches that are all off, as Open WebUI does in `features`.
      if (field.rule === "tools" && !asksForSomething(field, inner)) continue;
      return { path: [...path, key], field };
    }
    if (CALLERS_OWN.test(foldName(key))) continue;
    const found = find(inner, [...path, key], isContainer || CONTAINERS.has(foldName(key)));
    if (found !== undefined) return found;
  }
  return undefined;
}

const CAPS = new Set(["max_tokens", "max_completion_tokens", "max_output_tokens"]);

function isCap({ rule, name }: GovernedField): boolean {
  return rule === "cap" || CAPS.has(name);
}

/**
 * Tells whether a governed field asks for anything; null, false, empty values and a single choice
 * do not.
 */
export function asksForSomething(field: GovernedField, value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "") return false;
  if (field.name === "modality" && value === "text") return false;
  if (field.isCount && value === 1) return false;
  // Users of llama.cpp write -1 for "no cap".
  if (isCap(field) && value === -1) return false;
  return !(typeof value === "object" && Object.keys(value).length === 0);
}
