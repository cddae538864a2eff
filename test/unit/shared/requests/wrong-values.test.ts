import { expect, test } from "vitest";
import type { z } from "zod";
import { conversationInput } from "../../../../api/conversations/conversation-input.ts";
import { createBatchInput } from "../../../../shared/batches/batch-input.ts";
import { metadataInput } from "../../../../shared/requests/schemas/metadata-pairs.ts";
import { completeUploadInput } from "../../../../api/uploads/upload-input.ts";
import { chatSchema } from "../../../../shared/requests/schemas/chat-schema.ts";
import { completionSchema } from "../../../../shared/requests/schemas/completion-schema.ts";
import { embeddingSchema } from "../../../../shared/requests/schemas/embedding-schema.ts";
import { responsesSchema } from "../../../../shared/requests/schemas/responses-schema.ts";

const MANY = 10_000;
const many = (item: unknown): readonly unknown[] => Array.from({ length: MANY }, () => item);
const pairs = Object.fromEntries(Array.from({ length: MANY }, (_, at) => [`k${at}`, 1]));

const chat = { model: "m", messages: [{ role: "user", content: "Hi" }] };
const response = { model: "m", input: "Hi" };

/** Issues inside the alternatives of a union count too. */
function countIssues(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce(
    (sum, issue) =>
      sum + 1 + (issue.code === "invalid_union" ? issue.errors.flatMap((all) => all).length : 0),
    0,
  );
}

/**
 * A body of ten MiB with five million wrong values took 17 s; three such bodies killed the process.
 */
test.each<[string, z.ZodType, object]>([
  ["messages", chatSchema, { ...chat, messages: many(1) }],
  ["parts", chatSchema, { ...chat, messages: [{ role: "user", content: many(1) }] }],
  ["calls", chatSchema, { ...chat, messages: [{ role: "user", tool_calls: many(1) }] }],
  ["tools of a chat", chatSchema, { ...chat, tools: many(1) }],
  ["stops", chatSchema, { ...chat, stop: many(1) }],
  ["prompts", completionSchema, { model: "m", prompt: many(null) }],
  ["empty lists of tokens", completionSchema, { model: "m", prompt: many([]) }],
  ["texts", embeddingSchema, { model: "m", input: many("") }],
  ["items", responsesSchema, { ...response, input: many(1) }],
  ["an item's parts", responsesSchema, { ...response, input: [{ content: many(1) }] }],
  ["tools", responsesSchema, { ...response, tools: many(1) }],
  ["includes", responsesSchema, { ...response, include: many(1) }],
  ["parts of an upload", completeUploadInput, { part_ids: many(1) }],
  ["doubled parts of an upload", completeUploadInput, { part_ids: many("part_1") }],
  ["metadata", responsesSchema, { ...response, metadata: pairs }],
  ["new metadata", metadataInput, { metadata: pairs }],
  ["items of a conversation", conversationInput, { items: many(1) }],
  [
    "metadata of a batch",
    createBatchInput,
    {
      input_file_id: "file-1",
      endpoint: "/v1/completions",
      completion_window: "24h",
      metadata: pairs,
    },
  ],
])("of many wrong %s only the first is noted", (_name, schema, body) => {
  const { error } = schema.safeParse(body);
  expect(countIssues(error?.issues ?? [])).toBeGreaterThan(0);
  expect(countIssues(error?.issues ?? [])).toBeLessThan(5);
});
