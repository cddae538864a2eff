/**
 * The events that endpoints can listen to: OpenAI's types that apply here, and the broker's
 * `job.*`.
 */
export const webhookEventTypes = [
  "batch.completed",
  "batch.failed",
  "batch.expired",
  "batch.cancelled",
  "response.completed",
  "response.failed",
  "response.cancelled",
  "response.incomplete",
  "job.completed",
  "job.failed",
  "job.cancelled",
  "job.expired",
] as const;
