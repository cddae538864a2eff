import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { BrokerError } from "../../../shared/errors/broker-error.ts";
import { testEndpointInput } from "../../../shared/webhooks/endpoint-input.ts";
import { findTestResult, type TestResult } from "../../../shared/webhooks/find-test-result.ts";
import { getEndpoint } from "../../../shared/webhooks/get-endpoint.ts";
import { startTest } from "../../../shared/webhooks/start-test.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";
import { callerOf } from "../../http/authenticate-caller.ts";
import { doOnce } from "../../http/answer-once.ts";
import { readBody, smallBody } from "../../http/json-body.ts";
import { notFound, readId, type EndpointDeps } from "../../webhook-endpoints/own-endpoint.ts";

/** In this time a worker must take the delivery and the endpoint must answer. */
const TEST_WAIT_MS = 30_000;
const LOOK_MS = 100;

/**
 * `POST /v1/webhook_endpoints/{id}/test` lets a worker send a sample event as it sends any other, and
 * answers with the result. A repeated request with the same `Idempotency-Key` waits for the same
 * delivery.
 */
export function addWebhookTest(app: FastifyInstance, deps: EndpointDeps): void {
  const { pool, testWaitMs = TEST_WAIT_MS } = deps;
  app.post("/v1/webhook_endpoints/:id/test", smallBody, async (request, reply) => {
    const id = readId(request, "id");
    const caller = callerOf(request).id;
    const { event_type: eventType } = readBody(testEndpointInput, request);
    const started = await doOnce(request, pool, {
      prepare: () => Promise.resolve(undefined),
      work: async (client) => {
        if ((await getEndpoint(client, caller, id)) === undefined) notFound("endpoint");
        return { delivery: await startTest(client, caller, id, eventType) };
      },
    });
    if (started.replayed) reply.header("idempotent-replayed", "true");
    const { delivery } = JSON.parse(started.body) as { readonly delivery: string };
    const { status } = answered(await waitForResult(pool, delivery, testWaitMs));
    return {
      object: "webhook_endpoint.test",
      webhook_endpoint_id: id,
      event_type: eventType,
      status_code: status,
      success: true,
    };
  });
}

async function waitForResult(
  pool: EndpointDeps["pool"],
  delivery: string,
  waitMs: number,
): Promise<TestResult> {
  const giveUpAt = performance.now() + waitMs;
  for (;;) {
    const result = await askDatabase(() => findTestResult(pool, delivery));
    if (result !== undefined) return result;
    if (performance.now() > giveUpAt)
      throw new BrokerError("unavailable", "No worker has sent the test yet.", {
        retryAfterMs: 5_000,
      });
    await sleep(LOOK_MS);
  }
}

/** Words a failure with the attempt's error, which names no address. */
function answered({ status, error }: TestResult): { readonly status: number } {
  if (status !== null) return { status };
  throw new BrokerError(
    "invalid_request",
    `The endpoint could not be called: ${error?.replaceAll("_", " ") ?? "it was deleted"}.`,
    { param: "url", wireCode: "webhook_not_answered" },
  );
}
