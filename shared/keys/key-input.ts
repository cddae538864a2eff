import { z } from "zod";
import { parseUsd } from "../money/usd.ts";

/** The largest limit that, with what is held and settled, stays within a 64-bit integer. */
const MAX_LIMIT_NANOS = 9_000_000_000n * 1_000_000_000n;
/** Longer strings are not amounts. The bound keeps the parsing of huge integers cheap. */
const MAX_AMOUNT_LENGTH = 40;

/** PostgreSQL text cannot hold NUL, and terminals obey other control characters. */
const plainText = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .regex(/^\P{Cc}*$/u, "must not contain control characters");

const AMOUNT = "expected a USD amount with at most 9 decimals";

/** Reads a number or a plain decimal string in USD as nano-dollars. */
const limitNanos = z
  .union([z.number(), z.string().max(MAX_AMOUNT_LENGTH, AMOUNT)], AMOUNT)
  .transform((usd, ctx) => {
    const refuse = (message: string) => {
      ctx.issues.push({ code: "custom", message, input: usd });
      return z.NEVER;
    };
    let nanos: bigint;
    try {
      nanos = parseUsd(usd);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return refuse(AMOUNT);
    }
    if (nanos < 0n) return refuse("must not be negative");
    return nanos > MAX_LIMIT_NANOS ? refuse("must be at most 9000000000") : nanos;
  });

const period = z.enum(["day", "week", "month", "total"]);

const fields = {
  name: plainText(200),
  /** Public model names that the key may use; null allows all. */
  models: z.array(plainText(256)).min(1).max(256).nullable(),
  residency: z.enum(["local", "any"]),
  max_service_tier: z.enum(["priority", "default", "flex"]),
  /** A request may name an address that gets a webhook about its end. */
  allow_webhook_url: z.boolean(),
  expires_at: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .refine((time) => time.getTime() > Date.now(), "must lie in the future")
    .nullable(),
};

/** The fields of a new key. Other fields are refused. */
export const createKeyInput = z.strictObject({
  name: fields.name,
  models: fields.models.default(null),
  residency: fields.residency.default("any"),
  max_service_tier: fields.max_service_tier.default("priority"),
  allow_webhook_url: fields.allow_webhook_url.default(false),
  budget: z.strictObject({ limit_usd: limitNanos, period }).nullable().default(null),
  expires_at: fields.expires_at.default(null),
});

export type CreateKeyInput = z.output<typeof createKeyInput>;

const atLeastOne = (value: object) => Object.values(value).some((field) => field !== undefined);

/**
 * The fields that may change. `budget: null` removes the budget, and a field of it may come alone.
 */
export const updateKeyInput = z
  .strictObject({
    ...fields,
    budget: z
      .strictObject({ limit_usd: limitNanos, period })
      .partial()
      .refine(atLeastOne, "nothing to change")
      .nullable(),
  })
  .partial()
  .refine(atLeastOne, "nothing to change");

export type UpdateKeyInput = z.output<typeof updateKeyInput>;

/** Settled amounts count against a budget until its period ends. */
export type BudgetPeriod = z.output<typeof period>;
