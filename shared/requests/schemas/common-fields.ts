import { z } from "zod";
import { listOf } from "./list-of.ts";

/**
 * Integers may exceed a double (`seed: 9223372036854775807`), since the body keeps them as written.
 */
export const integer = z.number().refine(Number.isInteger, "Invalid input: expected an integer");

/** The broker computes with counts, so a double must hold them. `least` is the smallest value. */
const countFrom = (least: number) =>
  z
    .number()
    .refine(
      (value) => Number.isSafeInteger(value) && value >= least,
      `Invalid input: expected an integer of at least ${least}`,
    );

/** A cap of -1 means no cap, as in llama.cpp. `outputCap` knows where 0 is allowed. */
export const outputCapField = countFrom(-1);

/** Fields of every inference endpoint. Null counts as left out, as at OpenAI. */
export const commonFields = {
  model: z.string().min(1),
  user: z.string().nullish(),
  service_tier: z.string().nullish(),
  metadata: z.looseObject({}).nullish(),
};

/**
 * These fields belong to the endpoints that generate text. Money and routing depend on them, or no
 * engine takes another type. Ranges are left to the engines, which differ in them.
 */
export const generationFields = {
  ...commonFields,
  max_tokens: outputCapField.nullish(),
  max_completion_tokens: outputCapField.nullish(),
  min_tokens: countFrom(0).nullish(),
  n: countFrom(1).nullish(),
  best_of: countFrom(1).nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  presence_penalty: z.number().nullish(),
  frequency_penalty: z.number().nullish(),
  stop: z
    .union([z.string(), listOf(z.string())], "Invalid input: expected string or array")
    .nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  // OpenAI takes an object, and llama.cpp a list of pairs.
  logit_bias: z
    .union([z.looseObject({}), z.array(z.unknown())], "Invalid input: expected object or array")
    .nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
  seed: integer.nullish(),
};

interface Generation {
  readonly n?: number | null | undefined;
  readonly best_of?: number | null | undefined;
  readonly stream?: boolean | null | undefined;
  readonly stream_options?: object | null | undefined;
}

/** Checks the rules between fields of the endpoints that generate text. */
export function checkGeneration(request: Generation, context: z.core.$RefinementCtx): void {
  const refuse = (field: string, message: string): void => {
    context.addIssue({ code: "custom", path: [field], message });
  };
  if (request.stream_options != null && request.stream !== true)
    refuse("stream_options", "Only allowed with 'stream': true");
  if (request.best_of != null && request.best_of < (request.n ?? 1))
    refuse("best_of", "Must be at least 'n'");
}
