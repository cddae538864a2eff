import { z } from "zod";
import { asObject } from "../../json/json-object.ts";

/** OpenAI's limits of `metadata`, of requests and batches alike. */
export const metadataLimits = { pairs: 16, nameChars: 64, valueChars: 512 } as const;

/** OpenAI's `metadata`: a few short texts by their names. Of too many none is looked at. */
export const metadataPairs = z
  .unknown()
  .refine(
    (pairs) => Object.keys(asObject(pairs) ?? {}).length <= metadataLimits.pairs,
    `Too many pairs: at most ${metadataLimits.pairs}`,
  )
  .pipe(
    z.record(z.string().max(metadataLimits.nameChars), z.string().max(metadataLimits.valueChars)),
  );

/** The body that changes what is stored: OpenAI's `metadata`, null for none. */
export const metadataInput = z.strictObject({ metadata: metadataPairs.nullable() });
