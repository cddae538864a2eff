import { foldName, governedField, words, type GovernedField } from "./request-fields.ts";

/**
 * Objects in which some engine or gateway looks for what belongs beside them, of all that the broker
 * knows; in any other object that it does not know, it may be so.
 */
const containers = new Set(
  words(`
  extra_body extra_params extra additional_params options parameters params sampling_params
  sampling_parameters sampling generation_config generation_kwargs gen_kwargs
  generate_kwargs model_kwargs kwargs config inference_config inference_params
  provider_options additional_model_request_fields custom_params vllm_xargs
  chat_template_kwargs template_vars nvext litellm_params body request
`).map((name) => foldName(name)),
);

/** Objects whose keys are the caller's own words: JSON schemas, texts, token biases, tools. */
const callersOwn =
  /schema|guided|structured|grammar|format|regex|tools?$|toolchoice|functions?$|documents?|logitbias|prediction|metadata|reasoning|thinking|moderation|labels/;

export interface NestedField {
  readonly path: readonly (string | number)[];
  readonly field: GovernedField;
}

/** Of the rules, those that no engine's own object holds for another purpose, as it may an image. */
const anywhere: ReadonlySet<GovernedField["rule"]> = new Set([
  "cap",
  "written",
  "operator",
  "tools",
]);

/**
 * The first field inside an unknown one that governs what a request may cost or where it goes; in the
 * objects that engines are known to unpack, any that the broker reads. Null and -1 count too: what
 * unpacks them over the broker's own would be left without a cap.
 */
export function findNested(name: string, value: unknown): NestedField | undefined {
  const folded = foldName(name);
  if (callersOwn.test(folded)) return undefined;
  return find(value, [name], containers.has(folded));
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
    if (field !== undefined && (isContainer || anywhere.has(field.rule))) {
      // A front end's list of switches, all off, as Open WebUI's `features`.
      if (field.rule === "tools" && !says(field, inner)) continue;
      return { path: [...path, key], field };
    }
    if (callersOwn.test(foldName(key))) continue;
    const found = find(inner, [...path, key], isContainer || containers.has(foldName(key)));
    if (found !== undefined) return found;
  }
  return undefined;
}

const caps = new Set(["max_tokens", "max_completion_tokens", "max_output_tokens"]);

function isCap({ rule, name }: GovernedField): boolean {
  return rule === "cap" || caps.has(name);
}

/** Whether a governed field asks for anything: null, false, nothing and one choice do not. */
export function says(field: GovernedField, value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "") return false;
  if (field.name === "modality" && value === "text") return false;
  if (field.isCount && value === 1) return false;
  // How llama.cpp's users write that there is no cap.
  if (isCap(field) && value === -1) return false;
  return !(typeof value === "object" && Object.keys(value).length === 0);
}
