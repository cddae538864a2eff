import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { FastifyInstance } from "fastify";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
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
    providers: {
      gpu: { slots: 4, outputTokens: 2 },
      dear: { slots: 4, price: { input: 1, output: 1 } },
    },
    models: [
      "  chat-small: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64 }",
      "  chat-dear: { serve: [{ provider: dear, model: m }], max_output_tokens: 64 }",
    ].join("\n"),
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

const json = { "content-type": "application/json" };

interface CallInit {
  readonly method?: string;
  readonly body?: object;
  readonly headers?: object;
  readonly key?: string;
}

/** Calls an operation and compares its answer with the document. */
async function callAs(ownKey: string, operation: string, path: string, init: CallInit = {}) {
  const { body: sent, method, headers, key = ownKey } = init;
  const response = await fetch(broker.url + path, {
    method: method ?? (sent === undefined ? "GET" : "POST"),
    headers: { authorization: `Bearer ${key}`, ...headers },
    ...(sent === undefined ? {} : { body: sent instanceof FormData ? sent : JSON.stringify(sent) }),
  });
  const body = (await response.json()) as { id: string; status: string; data: { id: string }[] };
  expect(problemOf(operation, response.status, body)).toBeUndefined();
  return { ...body, code: response.status };
}

test("what the API answers is what the document says", async () => {
  const { key } = await broker.key();
  const call = (operation: string, path: string, init?: CallInit) =>
    callAs(key, operation, path, init);
  const chat = { model: "chat-small", messages: [{ role: "user", content: "Hi" }] };
  const post = (operation: string, path: string, body: object = {}) =>
    call(operation, path, { body, headers: json });

  const endpoint = await post("createWebhookEndpoint", "/v1/webhook_endpoints", {
    name: "all",
    url: `${receiver.address}/hook`,
    event_types: ["job.completed"],
  });
  const endpoints = `/v1/webhook_endpoints/${endpoint.id}`;
  const kept = await post("createChatCompletion", "/v1/chat/completions", { ...chat, store: true });
  await call("listChatCompletions", "/v1/chat/completions");
  await call("getChatCompletion", `/v1/chat/completions/${kept.id}`);
  await post("updateChatCompletion", `/v1/chat/completions/${kept.id}`, { metadata: { a: "b" } });
  await call("listChatCompletionMessages", `/v1/chat/completions/${kept.id}/messages`);
  const gone = { method: "DELETE" };
  await call("deleteChatCompletion", `/v1/chat/completions/${kept.id}`, gone);
  const headers = { ...json, prefer: "respond-async" };
  const job = await call("createChatCompletion", "/v1/chat/completions", { body: chat, headers });
  expect(job.code).toBe(202);
  const wrong = { ...chat, messages: 1 };
  expect((await post("createChatCompletion", "/v1/chat/completions", wrong)).code).toBe(400);
  await call("getJob", `/v1/jobs/${job.id}?wait=20`);
  await call("listJobs", "/v1/jobs");
  await call("getJobResult", `/v1/jobs/${job.id}/result`);
  await call("cancelJob", `/v1/jobs/${job.id}/cancel`, { method: "POST" });

  const response = { model: "chat-small", input: "Hi", background: true };
  const begun = await post("createConversation", "/v1/conversations", { metadata: { a: "b" } });
  const conversation = `/v1/conversations/${begun.id}`;
  await call("getConversation", conversation);
  await post("updateConversation", conversation, { metadata: {} });
  const items = [{ role: "user", content: "Hi" }];
  const added = await post("createConversationItems", `${conversation}/items`, { items });
  await call("listConversationItems", `${conversation}/items`);
  const item = `${conversation}/items/${added.data[0]?.id}`;
  await call("getConversationItem", item);
  await call("deleteConversationItem", item, { method: "DELETE" });
  await call("deleteConversation", conversation, { method: "DELETE" });
  expect((await call("getConversation", conversation)).code).toBe(404);
  await post("compactResponse", "/v1/responses/compact", { model: "chat-small", input: "Hi" });
  await post("countInputTokens", "/v1/responses/input_tokens", { input: "Hi" });
  const { id } = await post("createResponse", "/v1/responses", response);
  await call("getResponse", `/v1/responses/${id}`);
  await call("cancelResponse", `/v1/responses/${id}/cancel`, { method: "POST" });
  await call("listInputItems", `/v1/responses/${id}/input_items`);
  await call("deleteResponse", `/v1/responses/${id}`, { method: "DELETE" });
  await call("deleteJob", `/v1/jobs/${job.id}`, { method: "DELETE" });
  expect((await call("getJob", `/v1/jobs/${job.id}`)).code).toBe(404);

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
  expect((await call("listKeys", "/admin/keys")).code).toBe(401);
  await call("listLedger", "/admin/ledger", { key: admin });
  for (const group of ["key", "model", "provider", "day"])
    await call("sumUsage", `/admin/usage?group_by=${group}`, { key: admin });
  await call("listProviders", "/admin/providers", { key: admin });
  const page = { headers: { origin: "https://chat.example.com" } };
  const allowed = await Promise.all(
    ["/health", "/metrics"].map(async (path) => {
      const answer = await fetch(broker.url + path, page);
      return answer.headers.get("access-control-allow-origin");
    }),
  );
  expect(allowed).toEqual(["*", null]);
  await call("readDocument", "/openapi.json");
  await call("health", "/health");
  await call("live", "/health/live");
  await call("ready", "/health/ready");
});

/** A request of a batch. */
function line(id: string, model: string): object {
  const body = { model, messages: [{ role: "user", content: "Hi" }] };
  return { custom_id: id, method: "POST", url: "/v1/chat/completions", body };
}

test("a batch is what the document says, however far it has come", async () => {
  const { key } = await broker.key();
  const call = (operation: string, path: string, init?: CallInit) =>
    callAs(key, operation, path, init);
  const submit = async (lines: readonly object[], metadata?: object) => {
    const form = new FormData();
    const content = lines.map((request) => `${JSON.stringify(request)}\n`);
    form.append("file", new Blob(content), "input.jsonl");
    form.append("purpose", "batch");
    const file = await call("createFile", "/v1/files", { body: form });
    const endpoint = "/v1/chat/completions";
    const batchFields = { input_file_id: file.id, endpoint, completion_window: "1h", metadata };
    return await call("createBatch", "/v1/batches", { body: batchFields, headers: json });
  };
  const until = (id: string, status: string) =>
    eventually(async () => {
      const batch = await call("getBatch", `/v1/batches/${id}`);
      expect(batch.status).toBe(status);
      return batch;
    });
  const mixed = await submit([line("a", "chat-small"), line("b", "nonesuch")]);
  const failed = await submit([line("a", "chat-small"), line("a", "chat-small"), {}]);
  const paused = await submit([line("a", "chat-dear")], { max_cost_usd: "0.00000001" });
  await until(mixed.id, "completed");
  const { data } = await call("listJobs", `/v1/jobs?batch_id=${mixed.id}`);
  expect(data).toHaveLength(1);
  await until(failed.id, "failed");
  await eventually(async () =>
    expect(await call("getBatch", `/v1/batches/${paused.id}`)).toMatchObject({
      status: "in_progress",
      paused: { reason: "max_cost_usd" },
    }),
  );
  const raise = { body: { metadata: { max_cost_usd: "0.00000002" } }, headers: json };
  expect((await call("updateBatch", `/v1/batches/${paused.id}`, raise)).code).toBe(200);
  await call("cancelBatch", `/v1/batches/${paused.id}/cancel`, { method: "POST" });
  await until(paused.id, "cancelled");
  expect((await call("updateBatch", `/v1/batches/${mixed.id}`, raise)).code).toBe(400);
  expect((await call("getBatch", "/v1/batches/batch_0")).code).toBe(404);
  const none = { body: { input_file_id: "file-0" }, headers: json };
  expect((await call("createBatch", "/v1/batches", none)).code).toBe(400);
  const absent = { ...none.body, endpoint: "/v1/embeddings", completion_window: "90m" };
  expect((await call("createBatch", "/v1/batches", { ...none, body: absent })).code).toBe(404);
  expect((await call("listBatches", "/v1/batches?limit=2")).data).toHaveLength(2);
});

test("a field that the document does not tell of is noticed", () => {
  const model = {
    id: "m",
    object: "model",
    created: 1,
    owned_by: "spillway",
    kind: "chat",
    capabilities: { chat_completions: true, completions: true, responses: true, embeddings: false },
    context_length: null,
    max_output_tokens: 64,
  };
  expect(problemOf("getModel", 200, model)).toBeUndefined();
  expect(problemOf("getModel", 200, { ...model, extra: 1 })).toContain("extra");
  const list = { object: "list", data: [{}], first_id: null, last_id: null, has_more: false };
  expect(problemOf("listJobs", 200, list)).toContain("status");
});
