import { afterAll, beforeAll, expect, test } from "vitest";
import { line, startBatchRig, type BatchRig } from "./batch-rig.ts";
import { expectAsDirect, post, responseOf, runMixed } from "./mixed-batch.ts";

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig(
    {
      providers: {
        gpu: { slots: 8, price: { input: 1, output: 2 }, contextLength: 2_000 },
        bad: { slots: 1 },
      },
      models: `
  chat: { serve: [{ provider: gpu, model: sim }], max_output_tokens: 64, output_cap: refuse }
  embed: { kind: embedding, serve: [{ provider: gpu, model: sim }] }
  broken: { serve: [{ provider: bad, model: sim }], max_attempts: 1 }
  secret: { serve: [{ provider: gpu, model: sim }] }`,
    },
    { models: ["chat", "embed", "broken"] },
  );
  rig.broker.upstreams["bad"]?.setFault({ type: "status", status: 500 });
});
afterAll(() => rig.stop());

async function get(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${rig.broker.baseUrl}${path}`, {
    headers: { authorization: `Bearer ${rig.key}` },
  });
  return (await response.json()) as Record<string, unknown>;
}

/** Two answers to one request differ only in their ids and times. */
function timeless(body: Record<string, unknown> | undefined): object {
  const text = JSON.stringify({ ...body, created: null }).replaceAll(/sim\d+/g, "sim");
  return JSON.parse(text) as object;
}

/** Only a batch refuses these. */
const notOfBatches = (param: string) =>
  expect.objectContaining({
    status_code: 400,
    body: {
      error: {
        message: expect.stringMatching(/batch/i) as unknown,
        type: "invalid_request_error",
        code: "invalid_request",
        param,
      },
    },
  }) as unknown;

const messages = [{ role: "user", content: "[sim output=5] Hi" }];
const chat = { model: "chat", messages };

function image(address: string): object[] {
  return [{ role: "user", content: [{ type: "image_url", image_url: { url: address } }] }];
}

test("chat completions", async () => {
  const url = "/v1/chat/completions";
  const good = {
    plain: chat,
    capped: { ...chat, max_tokens: 3 },
    several: { ...chat, n: 3 },
    "stream: false": { ...chat, stream: false },
    "what no database takes": {
      ...chat,
      messages: [{ role: "user", content: "a\0b\ud800" }],
      metadata: { a: "\0\udfff" },
    },
    tools: {
      ...chat,
      tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
    },
    reasoning: {
      ...chat,
      messages: [{ role: "user", content: "[sim reasoning=4] [sim output=2]" }],
    },
  };
  const direct = {
    "unknown model": { ...chat, model: "none" },
    "no model": { messages },
    "a model of objects' names": { ...chat, model: "__proto__" },
    "a model of others": { ...chat, model: "secret" },
    "a model that embeds": { ...chat, model: "embed" },
    "a wrong field": { ...chat, temperature: "hot" },
    "no messages": { model: "chat" },
    "too many tokens": { ...chat, max_tokens: 65 },
    "n too large": { ...chat, n: 2 ** 31 },
    "an internal image": { ...chat, messages: image("http://127.0.0.1/a.png") },
    "an image from a file": { ...chat, messages: image("file:///etc/passwd") },
    "over context": { ...chat, messages: [{ role: "user", content: "x".repeat(20_000) }] },
    "a body of nothing": {},
    "a provider that fails": { ...chat, model: "broken" },
  };
  const own = {
    stream: { ...chat, stream: true },
    webhook: { ...chat, webhook_url: "https://example.com/" },
  };
  const { batch, output, errors } = await runMixed(rig, url, good, { ...direct, ...own });
  await expectAsDirect(
    rig,
    url,
    direct,
    errors.filter((result) => result.custom_id in direct),
  );
  expect(responseOf(errors, "stream")).toEqual(notOfBatches("stream"));
  expect(responseOf(errors, "webhook")).toEqual(notOfBatches("webhook_url"));
  for (const [id, body] of Object.entries(good))
    expect(timeless(responseOf(output, id)?.body)).toEqual(
      timeless((await post(rig, url, body)).body),
    );
  expect(responseOf(output, "several")?.body["choices"]).toHaveLength(3);
  expect(batch.usage?.output_tokens_details.reasoning_tokens).toBe(4);
  // The batch names several models, so it has no model of its own.
  expect(batch.model).toBeNull();
});

test("completions", async () => {
  const url = "/v1/completions";
  const prompt = "[sim output=5] Hi";
  const good = {
    text: { model: "chat", prompt },
    several: { model: "chat", prompt: [prompt, prompt], n: 2, max_tokens: 4 },
  };
  const bad = {
    "a model that embeds": { model: "embed", prompt },
    "a number as prompt": { model: "chat", prompt: 1 },
  };
  const { output, errors } = await runMixed(rig, url, good, bad);
  await expectAsDirect(rig, url, bad, errors);
  expect(responseOf(output, "several")?.body["choices"]).toHaveLength(4);
});

test("embeddings, as numbers and as base64", async () => {
  const url = "/v1/embeddings";
  const good = {
    floats: { model: "embed", input: "Hi" },
    base64: { model: "embed", input: "Hi", encoding_format: "base64" },
    several: { model: "embed", input: ["a", "b"], dimensions: 4 },
  };
  const bad = {
    "a model that chats": { model: "chat", input: "Hi" },
    "no input": { model: "embed" },
  };
  const { output, errors, batch } = await runMixed(rig, url, good, bad);
  await expectAsDirect(rig, url, bad, errors);
  const embedding = (id: string): unknown => {
    const body = responseOf(output, id)?.body as { data: { embedding: unknown }[] } | undefined;
    return body?.data[0]?.embedding;
  };
  const bytes = Buffer.from(embedding("base64") as string, "base64");
  const floats = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
  expect(floats).toEqual(embedding("floats"));
  expect(responseOf(output, "several")?.body["data"]).toHaveLength(2);
  expect(batch.usage?.output_tokens).toBe(0);
});

test("responses, also such as go on from an earlier one", async () => {
  const url = "/v1/responses";
  const body = { model: "chat", input: "[sim echo] first" };
  const earlier = await rig.client.responses.create(body);
  const gone = await rig.client.responses.create(body);
  await rig.client.responses.delete(gone.id);
  const good = {
    text: body,
    "goes on": { ...body, input: "[sim echo] second", previous_response_id: earlier.id },
    "not stored": { ...body, store: false },
  };
  const direct = {
    "goes on from none": { ...body, previous_response_id: `resp_${"0".repeat(32)}` },
    "goes on from what is gone": { ...body, previous_response_id: gone.id },
    "a conversation": { ...body, conversation: "conv_1" },
    "a wrong field": { ...body, max_output_tokens: 0 },
  };
  const own = { stream: { ...body, stream: true }, background: { ...body, background: true } };
  const { output, errors } = await runMixed(rig, url, good, { ...direct, ...own });
  await expectAsDirect(
    rig,
    url,
    direct,
    errors.filter((result) => result.custom_id in direct),
  );
  expect(responseOf(errors, "stream")).toEqual(notOfBatches("stream"));
  expect(responseOf(errors, "background")).toEqual(notOfBatches("background"));
  const answer = responseOf(output, "goes on")?.body;
  expect(answer).toMatchObject({
    object: "response",
    status: "completed",
    previous_response_id: earlier.id,
  });
  const asked = rig.broker.upstreams["gpu"]?.bodies().map((logged) => JSON.stringify(logged)) ?? [];
  expect(asked.some((text) => text.includes("first") && text.includes("second"))).toBe(true);
  // A stored response can be read and continued.
  const id = answer?.["id"] as string;
  expect(await rig.client.responses.retrieve(id)).toMatchObject({ id, status: "completed" });
  const next = { ...body, input: "third", previous_response_id: id };
  expect((await rig.client.responses.create(next)).status).toBe("completed");
  const unstored = responseOf(output, "not stored")?.body["id"] as string;
  await expect(rig.client.responses.retrieve(unstored)).rejects.toMatchObject({ status: 404 });
});

function idsOf(list: Record<string, unknown>): string[] {
  return (list["data"] as { id: string }[]).map((each) => each.id);
}

test("each line is a job of the lowest class, which lists leave out unless asked", async () => {
  const { id } = await rig.submit([line("a", { body: chat }), line("b", { body: {} })]);
  const batch = await rig.until(id, "completed");
  const [result] = await rig.results(batch.output_file_id);
  const job = result?.response?.request_id ?? "";
  expect(await get(`/jobs/${job}`)).toMatchObject({ id: job, batch_id: id, status: "completed" });
  const { rows } = await rig.broker.database.pool.query("select class from jobs where id = $1", [
    job,
  ]);
  expect(rows).toEqual([{ class: 3 }]);
  expect(idsOf(await get(`/jobs?batch_id=${id}`))).toEqual([job]);
  expect(idsOf(await get("/jobs?limit=100"))).not.toContain(job);
  expect(idsOf(await get(`/jobs?batch_id=batch_${"0".repeat(32)}`))).toEqual([]);
  await rig.settleDown();
});

test("a batch whose lines are all refused is completed, without an output file", async () => {
  const { id } = await rig.submit([line("a", { body: {} }), line("b", { model: "none" })]);
  const batch = await rig.until(id, "completed");
  expect(batch).toMatchObject({
    output_file_id: null,
    request_counts: { total: 2, completed: 0, failed: 2 },
    usage: { total_tokens: 0 },
    cost: { amount: "0" },
    model: null,
  });
  expect(await rig.results(batch.error_file_id)).toHaveLength(2);
});
