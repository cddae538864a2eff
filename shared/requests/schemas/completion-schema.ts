import { z } from "zod";
import { checkGeneration, generationFields, integer } from "./common-fields.ts";
import { promptInput } from "./prompt-input.ts";

/** The known fields of `POST /v1/completions`. Unknown fields are left to the upstream. */
export const completionSchema = z
  .looseObject({
    ...generationFields,
    prompt: promptInput({ emptyText: true }),
    suffix: z.string().nullish(),
    echo: z.boolean().nullish(),
    logprobs: integer.nullish(),
  })
  .superRefine(checkGeneration);
