import { z } from "zod";
import { listOf } from "../../shared/requests/schemas/list-of.ts";
import { inputItem } from "../../shared/requests/schemas/responses-schema.ts";
import { metadataInput } from "../../shared/requests/schemas/metadata-pairs.ts";

/** OpenAI accepts this many items at once. */
const MAX_ITEMS = 20;

const items = listOf(inputItem).max(MAX_ITEMS);

/** The body of `POST /v1/conversations`. */
export const conversationInput = z.strictObject({
  items: items.nullish(),
  metadata: metadataInput.shape.metadata.optional(),
});

/** The body of `POST /v1/conversations/{id}/items`. */
export const itemsInput = z.strictObject({ items: items.min(1) });
