import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { startReceiver, type Received, type Receiver } from "./receiver.ts";

let broker: TestBroker;
let receiver: Receiver;
let client: OpenAI;
beforeAll(async () => {
  receiver = await startReceiver();
  broker = await startTestBroker({
    providers: { gpu: { slots: 4 } },
    models: "  chat-small: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64 }",
    server: "{}\nwebhooks: { allow_networks: ['127.0.0.0/8'] }",
  });
});
afterAll(async () => {
  await broker.stop();
  await receiver[Symbol.asyncDispose]();
});
beforeEach(async () => {
  receiver.received.length = 0;
  const { key } = await broker.key();
  client = new OpenAI({ apiKey: key, baseURL: broker.baseUrl, maxRetries: 0 });
});

const request = { model: "chat-small", messages: [{ role: "user" as const, content: "Hi" }] };

/** Makes an endpoint for all events; returns a function that reads them as its owner does. */
async function listen() {
  const { data: types } = await client.webhooks.eventTypes.list();
  const { signing_secret: secret } = await client.webhooks.create({
    name: "all",
    url: `${receiver.address}/hook`,
    event_types: types as OpenAI.Webhooks.WebhookCreateParams["event_types"],
  });
  return ({ body, headers }: Received) => client.webhooks.unwrap(body, headers, secret);
}

test("a background response is told under its own id", async () => {
  const read = await listen();
  const { id } = await client.responses.create({
    model: "chat-small",
    input: "Hi",
    background: true,
  });
  await eventually(() => expect(receiver.received).toHaveLength(2));
  const events = await Promise.all(receiver.received.map(read));
  expect(events).toContainEqual(
    expect.objectContaining({ type: "response.completed", data: { id } }),
  );
  expect((await client.responses.retrieve(id)).status).toBe("completed");
});

test("a job that a caller does not wait for is told; one that he waits for is not", async () => {
  const read = await listen();
  await client.chat.completions.create(request);
  const { data, response } = await client.chat.completions
    .create(request, { headers: { prefer: "respond-async" } })
    .withResponse();
  expect(response.status).toBe(202);
  await eventually(() => expect(receiver.received).toHaveLength(1));
  expect(await read(receiver.received[0] as Received)).toMatchObject({
    type: "job.completed",
    data: { id: data.id },
  });
});

test("an internal address that the operator did not allow is refused", async () => {
  const endpoint = { name: "x", event_types: ["response.completed" as const] };
  for (const url of ["https://10.0.0.1/", "https://169.254.169.254/", "http://[::1]/"])
    await expect(client.webhooks.create({ ...endpoint, url })).rejects.toMatchObject({
      status: 400,
      param: "url",
    });
});
