import { z } from "zod";

const MAX_PAIRS = 16;

/** The body that changes a stored chat completion: OpenAI's `metadata`, null for none. */
export const metadataInput = z.strictObject({
  metadata: z
    .record(z.string().min(1).max(64), z.string().max(512))
    .refine((pairs) => Object.keys(pairs).length <= MAX_PAIRS, `at most ${MAX_PAIRS} pairs`)
    .nullable(),
});
