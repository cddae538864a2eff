import fastify from "fastify";
import OpenAI from "openai";
import { pino } from "pino";
import { createKeyAuth } from "../../../api/auth/key-auth.ts";
import { authenticateCaller } from "../../../api/http/authenticate-caller.ts";
import { addErrorHandling } from "../../../api/http/error-handling.ts";
import { takeRawJson } from "../../../api/http/json-body.ts";
import { addLogFields, newRequestId } from "../../../api/http/log-fields.ts";
import { addWebhookEndpoints } from "../../../api/routes/webhook-endpoints/index.ts";
import { addWebhookEventTypes } from "../../../api/routes/webhook-event-types.ts";
import { createEgressPolicy } from "../../../shared/egress/egress-policy.ts";
import { createGuardedAgent } from "../../../shared/egress/guarded-agent.ts";
import type { DeliveryView } from "../../../shared/webhooks/delivery-view.ts";
import { WebhookSender, type WebhookSenderDeps } from "../../../workers/webhooks/webhook-sender.ts";
import { makeKey, openBrokerDatabase } from "../keys/broker-database.ts";
import { startReceiver } from "./receiver.ts";

// The tests look into bodies of many shapes.
interface Body {
  readonly [field: string]: unknown;
  readonly id: string;
  readonly signing_secret: string;
  readonly data: DeliveryView[];
  readonly error: { readonly code: string; readonly param: string | null };
}

const everyType = ["response.completed", "batch.completed"] as const;

/** Sends all that is due, until nothing is. */
export async function sendAll(sender: WebhookSender): Promise<void> {
  await sender.round();
  await sender.idle();
}

/** Serves the routes on a real port, with a receiver, and senders on a clock of the test's own. */
export async function startWebhooks() {
  const broker = await openBrokerDatabase();
  const { pool } = broker.database;
  const receiver = await startReceiver();
  const egress = createEgressPolicy({ allowNetworks: ["127.0.0.0/8"] });
  const agent = createGuardedAgent(egress);
  const app = fastify({ genReqId: newRequestId });
  addLogFields(app);
  addErrorHandling(app);
  await app.register((scope, _options, done) => {
    authenticateCaller(scope, createKeyAuth({ pool }));
    takeRawJson(scope);
    addWebhookEndpoints(scope, { pool, egress, testWaitMs: 5_000 });
    addWebhookEventTypes(scope);
    done();
  });
  const address = await app.listen({ host: "127.0.0.1", port: 0 });
  const alarms: unknown[] = [];
  const senders: WebhookSender[] = [];
  // The database's clock is finer, so this one runs ahead: a delivery that is due now must not seem
  // to be in the future.
  let aheadMs = 10;

  const newCaller = async () => {
    const { secret, key } = await makeKey(broker.database);
    const client = new OpenAI({ apiKey: secret, baseURL: `${address}/v1`, maxRetries: 0 });
    return { client, secret, keyId: key.id };
  };
  const caller = await newCaller();

  return {
    ...caller,
    address,
    alarms,
    broker,
    newCaller,
    pool,
    receiver,
    clock: () => new Date(Date.now() + aheadMs),
    advance(ms: number): void {
      aheadMs += ms;
    },
    sender(deps: Partial<WebhookSenderDeps> = {}): WebhookSender {
      const sender = new WebhookSender({
        pool,
        agent,
        log: Object.assign(pino({ level: "silent" }), {
          error: (fields: unknown) => void alarms.push(fields),
        }),
        random: () => 0.5,
        clock: this.clock,
        ...deps,
      });
      senders.push(sender);
      return sender;
    },
    /** Makes an endpoint at a path of the receiver. */
    endpoint(path: string, client: OpenAI = caller.client) {
      return client.webhooks.create({
        name: path,
        url: receiver.address + path,
        event_types: [...everyType],
      });
    },
    async emit(objectId = "resp_1", type = "response.completed", directUrl: string | null = null) {
      const { rows } = await pool.query<{ id: string | null }>(
        "select emit_event($1, $2, $3, $4) as id",
        [caller.keyId, type, objectId, directUrl],
      );
      return rows[0]?.id ?? null;
    },
    async call(
      method: "GET" | "POST",
      path: string,
      body?: unknown,
      headers: Record<string, string> = {},
    ): Promise<{ status: number; headers: Headers; body: Body }> {
      const response = await fetch(`${address}/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${caller.secret}`,
          "content-type": "application/json",
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return {
        status: response.status,
        headers: response.headers,
        body: (await response.json()) as Body,
      };
    },
    async deliveries(endpoint: string): Promise<DeliveryView[]> {
      return (await this.call("GET", `/webhook_endpoints/${endpoint}/deliveries`)).body.data;
    },
    async look(endpoint: string): Promise<Body> {
      return (await this.call("GET", `/webhook_endpoints/${endpoint}`)).body;
    },
    replay(endpoint: string, body: unknown) {
      return this.call("POST", `/webhook_endpoints/${endpoint}/replay`, body);
    },
    /** Removes all endpoints and deliveries; the receiver takes everything again. */
    async reset(): Promise<void> {
      receiver.answer = () => ({ status: 204 });
      receiver.received.length = 0;
      alarms.length = 0;
      await pool.query("delete from webhook_deliveries");
      await pool.query("delete from webhook_endpoints");
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(senders.map((sender) => sender.stop(0)));
      await agent.destroy();
      await app.close();
      await receiver[Symbol.asyncDispose]();
      await broker[Symbol.asyncDispose]();
    },
  };
}

export type WebhookRig = Awaited<ReturnType<typeof startWebhooks>>;
