import type { FastifyInstance } from "fastify";
import { webhookEventTypes } from "../../shared/webhooks/event-types.ts";

/**
 * `GET /v1/webhook_event_types` lists the events that a webhook endpoint may ask for. The list is a
 * constant of the program and needs nothing.
 */
export function addWebhookEventTypes(app: FastifyInstance): void {
  app.get("/v1/webhook_event_types", () => ({ object: "list", data: webhookEventTypes }));
}
