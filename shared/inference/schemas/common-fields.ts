import { z } from "zod";

const MAX_CHOICES = 128;
const MAX_STOPS = 16;
const MAX_BIASES = 1_024;

/** Integers may exceed a double (`seed: 9223372036854775807`): the body keeps them as written. */
export const integer = z.number().refine(Number.isInteger, "Invalid input: expected an integer");

const positive = z
  .number()
  .refine(
    (value) => Number.isSafeInteger(value) && value > 0,
    "Invalid input: expected a positive integer",
  );

const choices = integer.min(1).max(MAX_CHOICES);
const penalty = z.number().min(-2).max(2);

/** Fields that every inference endpoint knows. Null counts as left out, as at OpenAI. */
export const commonFields = {
  model: z.string().min(1),
  user: z.string().nullish(),
  service_tier: z.enum(["auto", "default", "flex", "priority"]).nullish(),
  metadata: z.looseObject({}).nullish(),
};

/** Fields of the endpoints that generate text. Route and key decide what is allowed beyond types. */
export const generationFields = {
  ...commonFields,
  max_tokens: positive.nullish(),
  max_completion_tokens: positive.nullish(),
  n: choices.nullish(),
  best_of: choices.nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  presence_penalty: penalty.nullish(),
  frequency_penalty: penalty.nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(MAX_STOPS)]).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  logit_bias: z
    .record(z.string(), z.number().min(-100).max(100))
    .refine(
      (biases) => Object.keys(biases).length <= MAX_BIASES,
      `Too many entries: at most ${MAX_BIASES}`,
    )
    .nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
  seed: integer.nullish(),
};

interface Generation {
  readonly max_tokens?: number | null | undefined;
  readonly max_completion_tokens?: number | null | undefined;
  readonly n?: number | null | undefined;
  readonly best_of?: number | null | undefined;
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: object | null | undefined;
}

/** The rules between fields of the endpoints that generate text. */
export function checkGeneration(request: Generation, context: z.core.$RefinementCtx): void {
  const refuse = (field: string, message: string): void => {
    context.addIssue({ code: "custom", path: [field], message });
  };
  if (request.max_tokens != null && request.max_completion_tokens != null)
    refuse("max_tokens", "Set either this or 'max_completion_tokens', not both");
  if (request.stream_options != null && request.stream !== true)
    refuse("stream_options", "Only allowed with 'stream': true");
  if (request.best_of != null && request.best_of < (request.n ?? 1))
    refuse("best_of", "Must be at least 'n'");
}
