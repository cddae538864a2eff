import type { FastifyInstance } from "fastify";
import { createEndpoint } from "../../../shared/webhooks/create-endpoint.ts";
import { deleteEndpoint } from "../../../shared/webhooks/delete-endpoint.ts";
import {
  createEndpointInput,
  rotateSecretInput,
  updateEndpointInput,
} from "../../../shared/webhooks/endpoint-input.ts";
import { getEndpoint } from "../../../shared/webhooks/get-endpoint.ts";
import { listEndpoints } from "../../../shared/webhooks/list-endpoints.ts";
import { rotateSecret } from "../../../shared/webhooks/rotate-secret.ts";
import { updateEndpoint } from "../../../shared/webhooks/update-endpoint.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";
import { callerOf } from "../../http/authenticate-caller.ts";
import { listObject } from "../../http/list-object.ts";
import { answerOnce } from "../../http/answer-once.ts";
import { addWebhookDeliveries } from "./deliveries.ts";
import { addWebhookReplay } from "./replay.ts";
import { addWebhookTest } from "./test.ts";
import { readBody, smallBody } from "../../http/json-body.ts";
import {
  notFound,
  readId,
  readPage,
  type EndpointDeps,
} from "../../webhook-endpoints/own-endpoint.ts";

/**
 * `/v1/webhook_endpoints`, as the OpenAI SDK manages them, with their deliveries. An endpoint belongs
 * to the key that made it.
 */
export function addWebhookEndpoints(app: FastifyInstance, deps: EndpointDeps): void {
  const { pool, egress } = deps;
  const checkUrl = async (text: string): Promise<string> => {
    const url = egress.checkUrl(text, "url");
    await egress.checkResolved(url, "url");
    return url.href;
  };

  app.post("/v1/webhook_endpoints", smallBody, (request, reply) => {
    const input = readBody(createEndpointInput, request);
    return answerOnce(request, reply, pool, {
      prepare: () => checkUrl(input.url),
      work: (client, url) => createEndpoint(client, callerOf(request).id, { ...input, url }),
    });
  });

  app.get("/v1/webhook_endpoints", async (request) => {
    const page = readPage(request);
    const { endpoints, hasMore } = await askDatabase(() =>
      listEndpoints(pool, callerOf(request).id, page),
    );
    return listObject(endpoints, hasMore);
  });

  app.get("/v1/webhook_endpoints/:id", async (request) => {
    const id = readId(request, "id");
    return (
      (await askDatabase(() => getEndpoint(pool, callerOf(request).id, id))) ?? notFound("endpoint")
    );
  });

  app.post("/v1/webhook_endpoints/:id", smallBody, (request, reply) => {
    const id = readId(request, "id");
    const { url: text, ...input } = readBody(updateEndpointInput, request);
    return answerOnce(request, reply, pool, {
      prepare: async () => (text === undefined ? undefined : await checkUrl(text)),
      work: async (client, url) =>
        (await updateEndpoint(client, callerOf(request).id, id, { ...input, url })) ??
        notFound("endpoint"),
    });
  });

  app.delete("/v1/webhook_endpoints/:id", async (request) => {
    const id = readId(request, "id");
    if (!(await askDatabase(() => deleteEndpoint(pool, callerOf(request).id, id))))
      notFound("endpoint");
    return { id, object: "webhook_endpoint.deleted", deleted: true };
  });

  app.post("/v1/webhook_endpoints/:id/rotate_secret", smallBody, (request, reply) => {
    const id = readId(request, "id");
    const input = readBody(rotateSecretInput, request);
    const keepOld = input.keep_old_secret_active_for_24_hours ?? false;
    return answerOnce(request, reply, pool, {
      prepare: () => Promise.resolve(undefined),
      work: async (client) =>
        (await rotateSecret(client, callerOf(request).id, id, keepOld)) ?? notFound("endpoint"),
    });
  });

  addWebhookDeliveries(app, deps);
  addWebhookReplay(app, deps);
  addWebhookTest(app, deps);
}
