import { z } from "zod";
import { checkGeneration, generationFields, integer } from "./common-fields.ts";
import { listOf } from "./list-of.ts";

const contentPart = z.union(
  [z.string(), z.looseObject({ type: z.string().optional() })],
  "Invalid input: expected string or object",
);

const toolCall = z.looseObject({
  id: z.string().nullish(),
  type: z.string().nullish(),
  function: z.looseObject({ name: z.string().nullish() }).nullish(),
});

const message = z.looseObject({
  role: z.string().min(1),
  content: z
    .union([z.string(), listOf(contentPart)], "Invalid input: expected string or array")
    .nullish(),
  name: z.string().nullish(),
  tool_calls: listOf(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
});

const tool = z.looseObject({
  type: z.string(),
  function: z.looseObject({ name: z.string().min(1) }).nullish(),
});

/** The known fields of `POST /v1/chat/completions`. Unknown fields are left to the upstream. */
export const chatSchema = z
  .looseObject({
    ...generationFields,
    messages: listOf(message).min(1),
    logprobs: z.boolean().nullish(),
    top_logprobs: integer.nullish(),
    tools: listOf(tool).nullish(),
    tool_choice: z
      .union([z.string(), z.looseObject({})], "Invalid input: expected string or object")
      .nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    store: z.boolean().nullish(),
  })
  .superRefine(checkGeneration);
