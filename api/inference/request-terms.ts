import type { IncomingHttpHeaders } from "node:http";
import type { Residency } from "../../shared/contracts/plan.ts";
import { serviceClasses, type ServiceClass } from "../../shared/contracts/service-class.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";

/** The longest delay of a JavaScript timer, about 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The stricter of what key and request ask for. Throws `BrokerError` for an unknown value. */
export function residencyOf(headers: IncomingHttpHeaders, key: Residency): Residency {
  const asked = headers["x-spillway-residency"];
  if (asked !== undefined && asked !== "local" && asked !== "any")
    throw new BrokerError("invalid_request", "x-spillway-residency must be 'local' or 'any'.", {
      param: "x-spillway-residency",
    });
  return key === "local" || asked === "local" ? "local" : "any";
}

/**
 * Milliseconds from receipt that a job may take: `x-spillway-deadline-ms`, else, if its caller waits,
 * the SDK's `X-Stainless-Timeout` (seconds), else the default. Throws `BrokerError` for a bad deadline.
 */
export function deadlineOf(
  headers: IncomingHttpHeaders,
  defaultMs: number,
  callerWaits: boolean,
): number {
  const asked = headers["x-spillway-deadline-ms"];
  if (asked !== undefined) {
    const deadlineMs = typeof asked === "string" && /^\d{1,10}$/.test(asked) ? Number(asked) : 0;
    if (deadlineMs < 1 || deadlineMs > MAX_TIMER_MS)
      throw new BrokerError(
        "invalid_request",
        `x-spillway-deadline-ms must be a whole number from 1 to ${MAX_TIMER_MS}.`,
        { param: "x-spillway-deadline-ms" },
      );
    return deadlineMs;
  }
  const sdkTimeout = callerWaits ? headers["x-stainless-timeout"] : undefined;
  const sdkTimeoutMs = Math.ceil(Number(sdkTimeout) * 1_000);
  return Math.min(sdkTimeoutMs > 0 ? sdkTimeoutMs : defaultMs, MAX_TIMER_MS);
}

/** The number of a job's class: what `service_tier` asks for, at most what the key may have. */
export function serviceClassOf(
  tier: "auto" | "default" | "flex" | "priority" | null | undefined,
  ceiling: Exclude<ServiceClass, "batch">,
): number {
  const asked = tier == null || tier === "auto" ? "default" : tier;
  return Math.max(serviceClasses[asked], serviceClasses[ceiling]);
}
