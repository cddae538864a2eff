import { z } from "zod";
import { asObject } from "../../json/json-object.ts";

/** Requests and batches have OpenAI's limits of `metadata`. */
export const metadataLimits = { pairs: 16, nameChars: 64, valueChars: 512 } as const;

/**
 * OpenAI's `metadata`: a few short texts by their names. Pairs are not checked when there are too
 * many.
 */
export const metadataPairs = z
  .unknown()
  .refine(
    (pairs) => Object.keys(asObject(pairs) ?? {}).length <= metadataLimits.pairs,
    `Too many pairs: at most ${metadataLimits.pairs}`,
  )
  .pipe(
    z.record(z.string().max(metadataLimits.nameChars), z.string().max(metadataLimits.valueChars)),
  );

/** The body changes stored `metadata`. Null removes it. */
export const metadataInput = z.strictObject({ metadata: metadataPairs.nullable() });
