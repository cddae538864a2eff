import type { FastifyInstance } from "fastify";
import { BrokerError } from "../../../shared/errors/broker-error.ts";
import { replayInput } from "../../../shared/webhooks/endpoint-input.ts";
import type { EndpointView } from "../../../shared/webhooks/endpoint-view.ts";
import { getEndpoint } from "../../../shared/webhooks/get-endpoint.ts";
import { listDeliveries } from "../../../shared/webhooks/list-deliveries.ts";
import { redeliver } from "../../../shared/webhooks/redeliver.ts";
import { replayDeliveries } from "../../../shared/webhooks/replay-deliveries.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";
import { callerOf } from "../../http/authenticate-caller.ts";
import { listObject } from "../../http/list-object.ts";
import { answerOnce } from "../../http/answer-once.ts";
import { notFound, readBody, readId, readPage, smallBody } from "../../http/read-input.ts";
import type { WebhookDeps } from "./webhook-deps.ts";

/** `/v1/webhook_endpoints/{id}/deliveries`: what was sent, and sending it again. */
export function addDeliveries(app: FastifyInstance, { pool }: WebhookDeps): void {
  app.get("/v1/webhook_endpoints/:id/deliveries", async (request) => {
    const id = readId(request, "id");
    const page = readPage(request);
    const { deliveries, hasMore } = await askDatabase(async () => {
      if ((await getEndpoint(pool, callerOf(request).id, id)) === undefined) notFound("endpoint");
      return await listDeliveries(pool, id, page);
    });
    return listObject(deliveries, hasMore);
  });

  app.post(
    "/v1/webhook_endpoints/:id/deliveries/:delivery/redeliver",
    smallBody,
    (request, reply) => {
      const id = readId(request, "id");
      const delivery = readId(request, "delivery");
      return answerOnce(request, reply, pool, {
        prepare: () => askDatabase(() => getEndpoint(pool, callerOf(request).id, id)),
        work: async (client, endpoint) => {
          mustBeEnabled(endpoint);
          return (await redeliver(client, id, delivery)) ?? notFound("delivery");
        },
      });
    },
  );

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

function mustBeEnabled(endpoint: EndpointView | undefined): void {
  if (endpoint === undefined) notFound("endpoint");
  if (!endpoint.enabled)
    throw new BrokerError(
      "invalid_request",
      'The webhook endpoint is disabled; update it with "enabled": true first.',
      { param: "enabled" },
    );
}
