import { z } from "zod";
import { commonFields, integer } from "./common-fields.ts";
import { promptInput } from "./prompt-input.ts";

/** The known fields of `POST /v1/embeddings`. Unknown fields are left to the upstream. */
export const embeddingSchema = z.looseObject({
  ...commonFields,
  input: promptInput({ emptyText: false }),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: integer.min(1).nullish(),
});
