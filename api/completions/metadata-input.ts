import { z } from "zod";
import { metadataPairs } from "../../shared/inference/schemas/metadata-pairs.ts";

/** The body that changes a stored chat completion: OpenAI's `metadata`, null for none. */
export const metadataInput = z.strictObject({
  metadata: metadataPairs.nullable(),
});
