import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startApi, type ApiServer } from "./api-server.ts";

let api: ApiServer;
let client: OpenAI;
beforeAll(async () => {
  api = await startApi();
  client = new OpenAI({ apiKey: api.key, baseURL: `${api.address}/v1`, maxRetries: 0 });
});
afterAll(() => api[Symbol.asyncDispose]());

const request = { model: "chat-small", messages: [{ role: "user" as const, content: "Hi" }] };
const completion = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "upstream",
  choices: [{ index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hello" } }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
};

function chunk(content: string): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: null }];
  return `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", choices })}\n\n`;
}

test("chat", async () => {
  const answer = client.chat.completions.create(request).withResponse();
  const job = await api.worker.take("gpu-a");
  await job.answer(completion);
  const { data, request_id: requestId } = await answer;
  expect(data.choices[0]?.message.content).toBe("Hello");
  expect(requestId).toMatch(/^req_/);
});

test("a chat stream", async () => {
  const answer = client.chat.completions.create({ ...request, stream: true });
  const job = await api.worker.take("gpu-a");
  await job.head();
  for (const part of ["Hel", "lo"]) await job.chunk(chunk(part));
  await job.settle("done", { tail: "data: [DONE]\n\n" });
  let content = "";
  for await (const part of await answer) content += part.choices[0]?.delta.content ?? "";
  expect(content).toBe("Hello");
});

test("a failure in the middle of a stream throws, and no second request is made", async () => {
  const answer = client.chat.completions.create({ ...request, stream: true }, { maxRetries: 2 });
  const job = await api.worker.take("gpu-a");
  await job.head();
  await job.chunk(chunk("Hel"));
  const stream = await answer;
  await job.settle("failed", { error: { code: "upstream_failed", message: "Cut off." } });
  const read = async (): Promise<void> => {
    for await (const _ of stream);
  };
  await expect(read()).rejects.toThrow(OpenAI.APIError);
  expect(api.queues.waiting("gpu-a")).toEqual([]);
});

test("an aborted stream stops its job", async () => {
  const answer = client.chat.completions.create({ ...request, stream: true });
  const job = await api.worker.take("gpu-a");
  await job.head();
  await job.chunk(chunk("Hel"));
  (await answer).controller.abort();
  expect(await job.stopRequested).toBe("disconnect");
  await job.settle("cancelled");
});

test("embeddings, as base64 unasked", async () => {
  const answer = client.embeddings.create({ model: "embed-small", input: "Hi" });
  const job = await api.worker.take("gpu-a");
  await job.answer({
    object: "list",
    data: [{ index: 0, object: "embedding", embedding: [0.5, -2] }],
  });
  expect((await answer).data[0]?.embedding).toEqual([0.5, -2]);
});

describe("models", () => {
  test("stand with those that chat first", async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual([
      "chat-small",
      "cloud-only",
      "impatient",
      "chat-free",
      "vendor/base-7b",
      "embed-small",
    ]);
  });

  test("are found by ids with slashes", async () => {
    expect(await client.models.retrieve("vendor/base-7b")).toEqual({
      id: "vendor/base-7b",
      object: "model",
      created: expect.any(Number),
      owned_by: "spillway",
      kind: "completion",
      capabilities: {
        chat_completions: false,
        completions: true,
        responses: false,
        embeddings: false,
      },
      context_length: null,
      max_output_tokens: 1_000,
    });
  });

  test("are those that the key may use", async () => {
    const apiKey = await api.makeKey({ models: ["embed-small"] });
    const limited = new OpenAI({ apiKey, baseURL: `${api.address}/v1` });
    expect((await limited.models.list()).data.map(({ id }) => id)).toEqual(["embed-small"]);
    await expect(limited.models.retrieve("chat-small")).rejects.toThrow(OpenAI.NotFoundError);
  });
});

describe("errors", () => {
  test("have the classes that they have at OpenAI", async () => {
    const stranger = new OpenAI({ apiKey: "sk-x", baseURL: `${api.address}/v1` });
    await expect(stranger.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
    await expect(
      client.chat.completions.create({ ...request, model: "gpt-none" }),
    ).rejects.toMatchObject({ constructor: OpenAI.NotFoundError, code: "model_not_found" });
    await expect(
      client.chat.completions.create({ ...request, max_tokens: 0 }),
    ).rejects.toMatchObject({ constructor: OpenAI.BadRequestError, param: "max_tokens" });
  });

  test("of a used-up budget are not tried again", async () => {
    const apiKey = await api.makeKey({ budget: { limit_usd: 0, period: "month" } });
    const poor = new OpenAI({ apiKey, baseURL: `${api.address}/v1`, maxRetries: 2 });
    const failure = await poor.chat.completions.create(request).catch((error: unknown) => error);
    expect(failure).toMatchObject({ status: 402, code: "insufficient_quota" });
    const tries = api.logged.filter((line) => line["status"] === 402);
    expect(tries).toHaveLength(1);
  });

  test("of a moment are tried again", async () => {
    const answer = client.chat.completions.create(request, { maxRetries: 1 });
    const first = await api.worker.take("gpu-a");
    const error = { code: "no_capacity", message: "Busy.", retryAfterMs: 1 } as const;
    await first.settle("failed", { error });
    await (await api.worker.take("gpu-a")).answer(completion);
    expect((await answer).id).toBe("chatcmpl-1");
  });
});
