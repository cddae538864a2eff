import { z } from "zod";

/** One hour. */
export const MIN_EXPIRY_S = 3_600;
/** 30 days. It is also the default. */
export const MAX_EXPIRY_S = 2_592_000;

const SECONDS = `must be a whole number from ${MIN_EXPIRY_S} to ${MAX_EXPIRY_S}`;

/** The shape of `expires_after` in a JSON body. */
export const expiresAfter = z.strictObject({
  anchor: z.literal("created_at", "must be created_at"),
  seconds: z.int(SECONDS).min(MIN_EXPIRY_S, SECONDS).max(MAX_EXPIRY_S, SECONDS),
});
