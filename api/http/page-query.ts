import { z } from "zod";

/** Reads a text of a query, of at most `maxLength` characters. PostgreSQL does not store a NUL. */
export function queryText(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .refine((text) => !text.includes("\0"), "must have no NUL");
}

/** The query parameters of OpenAI's lists. Its SDK sends an empty `after` for null. */
export const pageQuery = {
  after: queryText(200)
    .optional()
    .transform((id) => id || undefined),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(["asc", "desc"]).default("desc"),
};
