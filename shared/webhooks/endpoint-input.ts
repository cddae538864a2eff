import { z } from "zod";
import { webhookEventTypes } from "./event-types.ts";

const MAX_NAME_LENGTH = 256;

const name = z
  .string()
  .min(1, "must not be empty")
  .max(MAX_NAME_LENGTH, `must have at most ${MAX_NAME_LENGTH} characters`)
  // PostgreSQL text cannot hold NUL, and a lone surrogate is not text anywhere.
  .refine((text) => !text.includes("\0") && text.isWellFormed(), "must be text");

const eventTypes = z
  .array(z.enum(webhookEventTypes, "no such event type"))
  .min(1, "must name at least one event type")
  .max(100, "names too many event types")
  .transform((types) => [...new Set(types)]);

/** The fields of a new endpoint. Here and below, the egress policy checks the `url` separately. */
export const createEndpointInput = z.strictObject({
  name,
  url: z.string(),
  event_types: eventTypes,
});

export const updateEndpointInput = z
  .strictObject({ name, url: z.string(), event_types: eventTypes, enabled: z.boolean() })
  .partial();

export const rotateSecretInput = z.strictObject({
  keep_old_secret_active_for_24_hours: z.boolean().nullish(),
});

export const testEndpointInput = z.strictObject({
  event_type: z.enum(webhookEventTypes, "no such event type"),
});

const unixSeconds = z
  .int("must be a time in Unix seconds")
  .min(0, "must be a time in Unix seconds")
  .max(99_999_999_999, "must be a time in Unix seconds")
  .transform((seconds) => new Date(seconds * 1_000));

/** The span of events to send again. Without `until`, it lasts to now. */
export const replayInput = z
  .strictObject({ since: unixSeconds, until: unixSeconds })
  .partial({ until: true });

export type CreateEndpointInput = z.output<typeof createEndpointInput>;
export type UpdateEndpointInput = z.output<typeof updateEndpointInput>;
