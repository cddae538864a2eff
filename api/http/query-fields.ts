import { z } from "zod";

/** Fields that several queries share. Their values arrive as strings, repeated ones as arrays. */
export const queryFields = {
  id: z.string().regex(/^[\w.-]{1,128}$/, "not an id"),
  limit: z
    .string()
    .regex(/^\d{1,6}$/, "expected a number from 1 to 1000")
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= 1000, "expected a number from 1 to 1000")
    .default(100),
};
