import type { FastifyInstance } from "fastify";
import { askDatabase } from "../../../shared/db/ask-database.ts";
import { replayInput } from "../../../shared/webhooks/endpoint-input.ts";
import { getEndpoint } from "../../../shared/webhooks/get-endpoint.ts";
import { replayDeliveries } from "../../../shared/webhooks/replay-deliveries.ts";
import { answerOnce } from "../../http/answer-once.ts";
import { callerOf } from "../../http/authenticate-caller.ts";
import { readBody, smallBody } from "../../http/json-body.ts";
import { mustBeEnabled, readId, type EndpointDeps } from "../../webhook-endpoints/own-endpoint.ts";

/** `POST /v1/webhook_endpoints/{id}/replay` sends again what was sent in a span of time. */
export function addWebhookReplay(app: FastifyInstance, { pool }: EndpointDeps): void {
  app.post("/v1/webhook_endpoints/:id/replay", smallBody, (request, reply) => {
    const id = readId(request, "id");
    const span = readBody(replayInput, request);
    return answerOnce(request, reply, pool, {
      prepare: () => askDatabase(() => getEndpoint(pool, callerOf(request).id, id)),
      work: async (client, endpoint) => {
        mustBeEnabled(endpoint);
        const { replayed, hasMore } = await replayDeliveries(client, id, span);
        return {
          object: "webhook_endpoint.replay",
          webhook_endpoint_id: id,
          replayed,
          has_more: hasMore,
        };
      },
    });
  });
}
