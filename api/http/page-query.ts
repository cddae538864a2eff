import { z } from "zod";

/** Query parameters of OpenAI's lists. Its SDK sends an empty `after` for null. */
export const pageQuery = {
  after: z
    .string()
    .max(200)
    // PostgreSQL takes no NUL.
    .refine((id) => !id.includes("\0"), "must be an id")
    .optional()
    .transform((id) => id || undefined),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(["asc", "desc"]).default("desc"),
};
