import { z } from "zod";

export interface Limits {
  /** The smallest allowed amount, in the notation of the file. */
  readonly min: string;
  readonly max: string;
}

type Units = Readonly<Record<string, number>>;

/** The limits of each duration and size of the configuration, for its reference. */
export const quantityLimits = z.registry<Limits>();

const TIME_UNITS: Units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZE_UNITS: Units = {
  B: 1,
  KB: 1000,
  KiB: 1024,
  MB: 1000 ** 2,
  MiB: 1024 ** 2,
  GB: 1000 ** 3,
  GiB: 1024 ** 3,
};

const DURATION_UNIT = "must be a duration with its unit, such as 500ms, 2s, 5m, 1h or 30d";
const SIZE_UNIT = "must be a size with its unit, such as 512KiB, 10MB or 10MiB";

/** Parses a duration such as `2s` into milliseconds. */
export function duration(limits: Limits) {
  return z
    .string({ error: DURATION_UNIT })
    .regex(patternOf(TIME_UNITS), { error: DURATION_UNIT, abort: true })
    .transform((text, context) => measure(text, TIME_UNITS, limits, context))
    .register(quantityLimits, limits);
}

/** Parses a duration such as `2s` into milliseconds, and `never` into null. */
export function durationOrNever(limits: Limits) {
  const error = `${DURATION_UNIT}, or never`;
  return z
    .string({ error })
    .regex(patternOf(TIME_UNITS, "never"), { error, abort: true })
    .transform((text, context) =>
      text === "never" ? null : measure(text, TIME_UNITS, limits, context),
    )
    .register(quantityLimits, limits);
}

/** Parses a size such as `10MiB` into bytes. */
export function byteSize(limits: Limits) {
  return z
    .string({ error: SIZE_UNIT })
    .regex(patternOf(SIZE_UNITS), { error: SIZE_UNIT, abort: true })
    .transform((text, context) => measure(text, SIZE_UNITS, limits, context))
    .register(quantityLimits, limits);
}

function patternOf(units: Units, word?: string): RegExp {
  const quantity = `[0-9]+(?:\\.[0-9]+)?(?:${Object.keys(units).join("|")})`;
  return new RegExp(word === undefined ? `^${quantity}$` : `^(?:${word}|${quantity})$`);
}

function measure(text: string, units: Units, limits: Limits, context: z.RefinementCtx): number {
  const amount = inSmallestUnit(text, units);
  const { min, max } = limits;
  if (amount >= inSmallestUnit(min, units) && amount <= inSmallestUnit(max, units)) return amount;
  context.addIssue({ code: "custom", message: `must be between ${min} and ${max}` });
  return z.NEVER;
}

function inSmallestUnit(text: string, units: Units): number {
  const unit = text.replace(/^[0-9.]+/, "");
  return Math.round(Number(text.slice(0, -unit.length)) * (units[unit] ?? Number.NaN));
}
