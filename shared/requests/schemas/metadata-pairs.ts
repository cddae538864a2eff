import { z } from "zod";
import { asObject } from "../../json/json-object.ts";

const MAX_PAIRS = 16;
const MAX_NAME_CHARS = 64;
const MAX_VALUE_CHARS = 512;

/** OpenAI's `metadata`: a few short texts by their names. Of too many none is looked at. */
export const metadataPairs = z
  .unknown()
  .refine(
    (pairs) => Object.keys(asObject(pairs) ?? {}).length <= MAX_PAIRS,
    `Too many pairs: at most ${MAX_PAIRS}`,
  )
  .pipe(z.record(z.string().max(MAX_NAME_CHARS), z.string().max(MAX_VALUE_CHARS)));

/** The body that changes what is stored: OpenAI's `metadata`, null for none. */
export const metadataInput = z.strictObject({ metadata: metadataPairs.nullable() });
