import { z } from "zod";

const problemSchema = z.looseObject({
  code: z.string().nullable(),
  message: z.string().nullable(),
  line: z.number().nullable(),
});

/** The fields of a batch that these commands read; all others pass through to `--json`. */
export const batchSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  endpoint: z.string(),
  model: z.string().nullable(),
  errors: z.looseObject({ data: z.array(problemSchema) }).nullable(),
  input_file_id: z.string(),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  created_at: z.number(),
  in_progress_at: z.number().nullable(),
  expires_at: z.number().nullable(),
  completed_at: z.number().nullable(),
  failed_at: z.number().nullable(),
  expired_at: z.number().nullable(),
  cancelled_at: z.number().nullable(),
  request_counts: z.looseObject({
    total: z.number(),
    completed: z.number(),
    failed: z.number(),
  }),
  usage: z.looseObject({ input_tokens: z.number(), output_tokens: z.number() }).nullable(),
  cost: z.looseObject({ amount: z.string() }),
  paused: z.looseObject({ reason: z.string(), message: z.string() }).nullable(),
  metadata: z.record(z.string(), z.string()).nullable(),
});

export type Batch = z.output<typeof batchSchema>;

export const batchPageSchema = z.looseObject({ data: z.array(batchSchema), has_more: z.boolean() });

/** Returns when a batch ended, in Unix seconds; null when it has not ended. */
export function endOf(batch: Batch): number | null {
  return batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at;
}

/** Returns the path of a batch, relative to `/v1`. */
export function batchPath(id: string): string {
  return `/batches/${encodeURIComponent(id)}`;
}
