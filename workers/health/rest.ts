import type { RestReason } from "../../shared/contracts/rest-reason.ts";

/** A provider's rest, as one worker keeps it until the provider is well. */
export interface Rest {
  /**
   * `due`: the rest's time is over, and nobody or another worker tries the provider. `trying`: this
   * worker tries it.
   */
  phase: "resting" | "due" | "trying";
  reason: RestReason;
  lengthMs: number;
  untilMs: number;
  /** Only calls that begin later can show that the provider is well. */
  readonly sinceMs: number;
  /** The job that makes the trial. */
  trial: string | undefined;
  /** True when the last probe found the provider unwell or not at all. */
  unwell: boolean;
  keyRefused: boolean;
  askAtMs: number;
}

/** A provider rests twice as long each time, from the first length up to the cap. */
export interface RestLimits {
  readonly firstMs: number;
  readonly capMs: number;
}

export const usualLimits: RestLimits = { firstMs: 1_000, capMs: 15_000 };
const accountLimits: RestLimits = { firstMs: 15_000, capMs: 60_000 };

/** Time between checks of a credential. */
export const KEY_MS = 2_000;

export function limitsFor(reason: RestReason): RestLimits {
  return reason === "credential" || reason === "quota" ? accountLimits : usualLimits;
}

/** Returns the length of the rest that follows the one before. */
export function nextLengthMs(limits: RestLimits, before: Rest | undefined): number {
  return before === undefined ? limits.firstMs : Math.min(2 * before.lengthMs, limits.capMs);
}

/** Makes a rest that begins at `now`. What probes found in the one before stays known. */
export function beginRest(
  { reason, lengthMs, leftMs }: Pick<Rest, "reason" | "lengthMs"> & { readonly leftMs: number },
  now: number,
  before?: Rest,
): Rest {
  return {
    phase: leftMs > 0 ? "resting" : "due",
    reason,
    lengthMs,
    untilMs: now + leftMs,
    sinceMs: now,
    trial: undefined,
    unwell: before?.unwell ?? false,
    keyRefused: before?.keyRefused ?? false,
    askAtMs: reason === "credential" ? now + KEY_MS : now,
  };
}
