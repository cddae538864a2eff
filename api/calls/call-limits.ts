import type { IncomingHttpHeaders } from "node:http";
import type { Config } from "../../config/config.ts";
import type { Residency } from "../../shared/contracts/plan.ts";
import { serviceClasses, type ServiceClass } from "../../shared/contracts/job-request.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { NewJobInput } from "../../shared/jobs/new-job.ts";
import type { InferenceRequest } from "../../shared/requests/read-request.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";
import { MAX_TIMER_MS } from "../../shared/timing/timer-delay.ts";

interface HttpCallInput {
  readonly key: CallerKey;
  readonly headers: IncomingHttpHeaders;
  /** The time on the clock of `performance.now()`. */
  readonly receivedAt: number;
  readonly request: Pick<InferenceRequest, "serviceTier" | "stream">;
  readonly callerWaits: boolean;
}

/**
 * Reads from headers, body and key where a job may run, how soon and by when. Throws `BrokerError`
 * `deadline_exceeded`, or `invalid_request` with what is at fault.
 */
export function callLimits(
  server: Pick<Config["server"], "deadlineMs" | "asyncDeadlineMs">,
  { key, headers, receivedAt, request, callerWaits }: HttpCallInput,
): Pick<NewJobInput, "residency" | "serviceClass" | "deadlineMs"> {
  const residency = residencyOf(headers, key.residency);
  const defaultMs = callerWaits ? server.deadlineMs : server.asyncDeadlineMs;
  const elapsedMs = performance.now() - receivedAt;
  const deadlineMs = Math.floor(
    deadlineOf(headers, defaultMs, { callerWaits, stream: request.stream }) - elapsedMs,
  );
  if (deadlineMs <= 0)
    throw new BrokerError("deadline_exceeded", "The deadline passed while the request came in.");
  return {
    residency,
    serviceClass: serviceClassOf(request.serviceTier, key.maxServiceTier),
    deadlineMs,
  };
}

/** Chooses the stricter of the residencies of key and request. Throws `BrokerError` for an unknown value. */
export function residencyOf(headers: IncomingHttpHeaders, key: Residency): Residency {
  const header = headers["x-spillway-residency"];
  if (header !== undefined && header !== "local" && header !== "any")
    throw new BrokerError("invalid_request", "x-spillway-residency must be 'local' or 'any'.", {
      param: "x-spillway-residency",
    });
  return key === "local" || header === "local" ? "local" : "any";
}

/**
 * Returns how many milliseconds after its receipt a job may take. `x-spillway-deadline-ms` comes
 * first. For a caller that waits, the SDK's `X-Stainless-Timeout` (seconds) comes next, then the
 * default. OpenAI's SDK for Python sends `x-stainless-read-timeout` with every request, 600 s by
 * default. This is the longest silence that the SDK accepts, so an answer that comes whole has no
 * more time. It can shorten the default, never lengthen it. Throws `BrokerError` for a bad
 * deadline.
 */
function deadlineOf(
  headers: IncomingHttpHeaders,
  defaultMs: number,
  { callerWaits, stream }: { readonly callerWaits: boolean; readonly stream: boolean },
): number {
  const header = headers["x-spillway-deadline-ms"];
  if (header !== undefined) {
    const deadlineMs = typeof header === "string" && /^\d{1,10}$/.test(header) ? Number(header) : 0;
    if (deadlineMs < 1 || deadlineMs > MAX_TIMER_MS)
      throw new BrokerError(
        "invalid_request",
        `x-spillway-deadline-ms must be a whole number from 1 to ${MAX_TIMER_MS}.`,
        { param: "x-spillway-deadline-ms" },
      );
    return deadlineMs;
  }
  const totalMs = callerWaits ? milliseconds(headers["x-stainless-timeout"]) : undefined;
  const silentMs =
    callerWaits && !stream ? milliseconds(headers["x-stainless-read-timeout"]) : undefined;
  return Math.min(totalMs ?? Math.min(silentMs ?? defaultMs, defaultMs), MAX_TIMER_MS);
}

/**
 * Converts a header in seconds to milliseconds. Returns undefined for anything else than a positive
 * number.
 */
function milliseconds(seconds: string | string[] | undefined): number | undefined {
  const ms = Math.ceil(Number(seconds) * 1_000);
  return ms > 0 ? ms : undefined;
}

/** Returns the class that `service_tier` asks for, or the highest that the key may have. */
function serviceClassOf(
  tier: "auto" | "default" | "flex" | "priority" | null | undefined,
  ceiling: Exclude<ServiceClass, "batch">,
): number {
  const wanted = tier == null || tier === "auto" ? "default" : tier;
  return Math.max(serviceClasses[wanted], serviceClasses[ceiling]);
}
