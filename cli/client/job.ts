import { z } from "zod";

/** The fields of a job that these commands read; all others pass through to `--json`. */
export const jobSchema = z.looseObject({
  id: z.string(),
  endpoint: z.string(),
  model: z.string(),
  status: z.string(),
  created_at: z.number(),
  started_at: z.number().nullable(),
  completed_at: z.number().nullable(),
  expires_at: z.number().nullable(),
  provider: z.string().nullable(),
  attempts: z.number(),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullable(),
  cost: z.looseObject({ amount: z.string(), estimated: z.boolean() }),
});

export type Job = z.output<typeof jobSchema>;

export const jobPageSchema = z.looseObject({ data: z.array(jobSchema), has_more: z.boolean() });
