import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../support/broker.ts";
import { eventually } from "../support/eventually.ts";
import { startReceiver, type Receiver } from "../webhooks/receiver.ts";
import { documentedRoutes, operationIds, problemOf } from "./document.ts";

const routes: string[] = [];
let broker: TestBroker;
let receiver: Receiver;
const noteRoutes = (message: unknown): void => {
  const { fastify } = message as { readonly fastify: FastifyInstance };
  fastify.addHook("onRoute", ({ method, url }) => {
    for (const each of [method].flat()) if (each !== "HEAD") routes.push(`${each} ${url}`);
  });
};

beforeAll(async () => {
  subscribe("fastify.initialization", noteRoutes);
  receiver = await startReceiver();
  broker = await startTestBroker({
    providers: { gpu: { slots: 4, outputTokens: 2 } },
    models: "  chat-small: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64 }",
    server: "{}\nwebhooks: { allow_networks: ['127.0.0.0/8'] }",
  });
  unsubscribe("fastify.initialization", noteRoutes);
});
afterAll(async () => {
  await broker.stop();
  await receiver[Symbol.asyncDispose]();
});

test("the document has every route of the API, and no other", () => {
  const registered = routes.map((route) =>
    route.replace("/v1/models/*", "/v1/models/{model}").replaceAll(/:(\w+)/g, "{$1}"),
  );
  expect(documentedRoutes.toSorted()).toEqual(registered.toSorted());
  expect(new Set(operationIds).size).toBe(documentedRoutes.length);
});

test("what the API answers is what the document says", async () => {
  const { key } = await broker.key();
  const call = async (
    operation: string,
    path: string,
    init: { method?: string; body?: object; headers?: object; key?: string } = {},
  ) => {
    const response = await fetch(broker.url + path, {
      method: init.method ?? (init.body === undefined ? "GET" : "POST"),
      headers: { authorization: `Bearer ${init.key ?? key}`, ...init.headers },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
    });
    const body = (await response.json()) as { id: string; data: { id: string }[] };
    expect(problemOf(operation, response.status, body)).toBeUndefined();
    return { ...body, status: response.status };
  };
  const json = { "content-type": "application/json" };
  const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };
  const post = (operation: string, path: string, body: object = {}) =>
    call(operation, path, { body, headers: json });

  const endpoint = await post("createWebhookEndpoint", "/v1/webhook_endpoints", {
    name: "all",
    url: `${receiver.address}/hook`,
    event_types: ["job.completed"],
  });
  const endpoints = `/v1/webhook_endpoints/${endpoint.id}`;
  await post("createChatCompletion", "/v1/chat/completions", chat);
  const headers = { ...json, prefer: "respond-async" };
  const job = await call("createChatCompletion", "/v1/chat/completions", { body: chat, headers });
  expect(job.status).toBe(202);
  const wrong = { ...chat, messages: 1 };
  expect((await post("createChatCompletion", "/v1/chat/completions", wrong)).status).toBe(400);
  await call("getJob", `/v1/jobs/${job.id}?wait=20`);
  await call("listJobs", "/v1/jobs");
  await call("getJobResult", `/v1/jobs/${job.id}/result`);
  await call("cancelJob", `/v1/jobs/${job.id}/cancel`, { method: "POST" });

  const response = { model: "chat-small", input: "Hi", background: true };
  const { id } = await post("createResponse", "/v1/responses", response);
  await call("getResponse", `/v1/responses/${id}`);
  await call("cancelResponse", `/v1/responses/${id}/cancel`, { method: "POST" });
  await call("listInputItems", `/v1/responses/${id}/input_items`);
  await call("deleteResponse", `/v1/responses/${id}`, { method: "DELETE" });
  await call("deleteJob", `/v1/jobs/${job.id}`, { method: "DELETE" });
  expect((await call("getJob", `/v1/jobs/${job.id}`)).status).toBe(404);

  const delivery = await eventually(async () => {
    const { data } = await call("listWebhookDeliveries", `${endpoints}/deliveries`);
    return data[0] ?? expect.fail("no delivery yet");
  });
  await post("redeliverWebhook", `${endpoints}/deliveries/${delivery.id}/redeliver`);
  await post("testWebhookEndpoint", `${endpoints}/test`, { event_type: "job.failed" });
  await post("replayWebhooks", `${endpoints}/replay`, { since: 1 });
  await post("rotateWebhookSecret", `${endpoints}/rotate_secret`);
  await post("updateWebhookEndpoint", endpoints, { enabled: false });
  await call("getWebhookEndpoint", endpoints);
  await call("listWebhookEndpoints", "/v1/webhook_endpoints");
  await call("listWebhookEventTypes", "/v1/webhook_event_types");
  await call("deleteWebhookEndpoint", endpoints, { method: "DELETE" });
  await call("listModels", "/v1/models");
  await call("getModel", "/v1/models/chat-small");

  const admin = "sk-admin-test";
  const budget = { limit_usd: "5", period: "day" };
  const made = await call("createKey", "/admin/keys", {
    body: { name: "app", budget },
    headers: json,
    key: admin,
  });
  const change = { method: "PATCH", body: { allow_webhook_url: true }, headers: json, key: admin };
  await call("updateKey", `/admin/keys/${made.id}`, change);
  await call("getKey", `/admin/keys/${made.id}`, { key: admin });
  await call("listKeys", "/admin/keys", { key: admin });
  await call("revokeKey", `/admin/keys/${made.id}`, { method: "DELETE", key: admin });
  expect((await call("listKeys", "/admin/keys")).status).toBe(401);
  await call("listLedger", "/admin/ledger", { key: admin });
  for (const group of ["key", "model", "provider", "day"])
    await call("sumUsage", `/admin/usage?group_by=${group}`, { key: admin });
  await call("listProviders", "/admin/providers", { key: admin });
  await call("live", "/health/live");
  await call("ready", "/health/ready");
});

test("a field that the document does not tell of is noticed", () => {
  const model = { id: "m", object: "model", created: 1, owned_by: "spillway" };
  expect(problemOf("getModel", 200, model)).toBeUndefined();
  expect(problemOf("getModel", 200, { ...model, extra: 1 })).toContain("extra");
  const list = { object: "list", data: [{}], first_id: null, last_id: null, has_more: false };
  expect(problemOf("listJobs", 200, list)).toContain("status");
});
