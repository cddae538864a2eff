import { z } from "zod";
import { endpoints, type Endpoint } from "../contracts/endpoint.ts";
import { parseUsd } from "../money/usd.ts";
import { metadataLimits } from "../requests/schemas/metadata-pairs.ts";
import { expiresAfter } from "../files/file-expiry.ts";

const urls = new Map<string, Endpoint>(
  Object.entries(endpoints).map(([endpoint, path]) => [`/v1${path}`, endpoint as Endpoint]),
);

const endpoint = z.string().transform((url, context) => {
  const known = urls.get(url);
  if (known !== undefined) return known;
  context.addIssue({ code: "custom", message: `must be one of ${[...urls.keys()].join(", ")}` });
  return z.NEVER;
});

const HOUR_MS = 3_600_000;
const units: Readonly<Record<string, number>> = { m: 60_000, h: HOUR_MS, d: 24 * HOUR_MS };
const WINDOW = "must be a time from 1h to 7d, such as 24h";

const completionWindow = z.string(WINDOW).transform((text, context) => {
  const [, amount, unit = ""] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const windowMs = Number(amount) * (units[unit] ?? Number.NaN);
  if (windowMs >= HOUR_MS && windowMs <= 7 * 24 * HOUR_MS) return { text, windowMs };
  context.addIssue({ code: "custom", message: WINDOW });
  return z.NEVER;
});

const isText = (text: string): boolean => !text.includes("\0") && text.isWellFormed();

const USD = 'must be an amount above 0 in USD as text, such as "2.50"';

const usd = z.string(USD).refine((text) => {
  try {
    return /^\d{1,9}(\.\d+)?$/.test(text) && parseUsd(text) > 0n;
  } catch {
    return false;
  }
}, USD);

const metadata = z
  .looseObject({
    overflow: z.enum(["never", "if_saturated"], 'must be "never" or "if_saturated"').optional(),
    max_cost_usd: usd.optional(),
  })
  .superRefine((pairs, context) => {
    const addProblem = (message: string, ...path: string[]): void => {
      context.addIssue({ code: "custom", message, path });
    };
    const entries = Object.entries(pairs);
    // If there are too many pairs, none of them is checked.
    if (entries.length > metadataLimits.pairs)
      return addProblem(`must have at most ${metadataLimits.pairs} pairs`);
    for (const [name, value] of entries) {
      if (name.length > metadataLimits.nameChars || !isText(name))
        addProblem(`has a name that is no text of at most ${metadataLimits.nameChars} characters`);
      else if (
        typeof value !== "string" ||
        value.length > metadataLimits.valueChars ||
        !isText(value)
      )
        addProblem(`must be a text of at most ${metadataLimits.valueChars} characters`, name);
    }
  })
  .transform((pairs) => pairs as Readonly<Record<string, string>>);

/** The fields of a new batch. */
export const createBatchInput = z.strictObject({
  input_file_id: z.string(),
  endpoint,
  completion_window: completionWindow,
  metadata: metadata.nullish(),
  output_expires_after: expiresAfter.nullish(),
});

/** The fields of a live batch that can change. */
export const updateBatchInput = z.strictObject({
  metadata: z.strictObject({ max_cost_usd: usd }),
});
