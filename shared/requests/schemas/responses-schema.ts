import { z } from "zod";
import { commonFields, outputCapField } from "./common-fields.ts";
import { listOf } from "./list-of.ts";
import { metadataPairs } from "./metadata-pairs.ts";

const contentPart = z.looseObject({ type: z.string() });

/** Items have many types, which only the upstream knows. A message may leave its type out. */
export const inputItem = z.looseObject({
  type: z.string().nullish(),
  role: z.string().nullish(),
  content: z
    .union([z.string(), listOf(contentPart)], "Invalid input: expected string or array")
    .nullish(),
});

const tool = z.looseObject({ type: z.string(), name: z.string().nullish() });

/**
 * A field that is refused because it would keep state at the upstream, where no other provider
 * could find it.
 */
const absent = (why: string) => z.null(`Not supported: ${why}`).optional();

/** Fields with the model's input. */
const promptFields = {
  input: z
    .union([z.string(), listOf(inputItem)], "Invalid input: expected string or array")
    .nullish(),
  instructions: z.string().nullish(),
  previous_response_id: z.string().nullish(),
  tools: listOf(tool).nullish(),
  text: z.looseObject({ format: z.looseObject({ type: z.string() }).nullish() }).nullish(),
};

/** The known fields of `POST /v1/responses/input_tokens`. */
export const inputTokensSchema = z.looseObject({
  ...promptFields,
  model: z.string().min(1).nullish(),
});

/** The known fields of `POST /v1/responses`. Unknown fields are left to the upstream. */
export const responsesSchema = z
  .looseObject({
    ...commonFields,
    ...promptFields,
    max_output_tokens: outputCapField.nullish(),
    stream: z.boolean().nullish(),
    stream_options: z.looseObject({ include_obfuscation: z.boolean().nullish() }).nullish(),
    background: z.boolean().nullish(),
    store: z.boolean().nullish(),
    metadata: metadataPairs.nullish(),
    tool_choice: z
      .union(
        [z.string(), z.looseObject({ type: z.string() })],
        "Invalid input: expected string or object",
      )
      .nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    temperature: z.number().nullish(),
    top_p: z.number().nullish(),
    reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
    include: listOf(z.string()).nullish(),
    truncation: z.string().nullish(),
    conversation: z
      .union(
        [z.string(), z.looseObject({ id: z.string() })],
        "Invalid input: expected string or object",
      )
      .nullish(),
    prompt: absent("send the prompt's own text as 'instructions' or 'input'"),
  })
  .superRefine((request, context) => {
    const refuse = (field: string, message: string): void => {
      context.addIssue({ code: "custom", path: [field], message });
    };
    const hasEarlier = request.previous_response_id != null || request.conversation != null;
    if (request.input == null && !hasEarlier)
      refuse("input", "Required unless there is a 'previous_response_id' or a 'conversation'");
    if (request.stream_options != null && request.stream !== true)
      refuse("stream_options", "Only allowed with 'stream': true");
  });
