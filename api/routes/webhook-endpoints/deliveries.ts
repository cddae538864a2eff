import type { FastifyInstance } from "fastify";
import { getEndpoint } from "../../../shared/webhooks/get-endpoint.ts";
import { listDeliveries } from "../../../shared/webhooks/list-deliveries.ts";
import { redeliver } from "../../../shared/webhooks/redeliver.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";
import { callerOf } from "../../http/authenticate-caller.ts";
import { listObject } from "../../http/list-object.ts";
import { answerOnce } from "../../http/answer-once.ts";
import { smallBody } from "../../http/json-body.ts";
import {
  mustBeEnabled,
  notFound,
  readId,
  readPage,
  type EndpointDeps,
} from "../../webhook-endpoints/own-endpoint.ts";

/** `/v1/webhook_endpoints/{id}/deliveries` lists what was sent, and sends one of them again. */
export function addWebhookDeliveries(app: FastifyInstance, { pool }: EndpointDeps): void {
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
}
