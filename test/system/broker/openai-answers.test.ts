import type OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startSides, sideNames, type Side, type Sides } from "./openai-sides.ts";

let sides: Sides;
beforeAll(async () => {
  sides = await startSides();
});
afterAll(() => sides.stop());

const messages = [{ role: "user" as const, content: "Hello" }];

/** Sorts a chat stream: texts and reasons by choice, and the chunks that carry usage. */
async function read(
  stream: AsyncIterable<OpenAI.ChatCompletionChunk>,
): Promise<{ texts: string[]; reasons: string[]; usages: OpenAI.ChatCompletionChunk[] }> {
  const texts: string[] = [];
  const reasons: string[] = [];
  const usages: OpenAI.ChatCompletionChunk[] = [];
  for await (const chunk of stream) {
    expect(chunk.object).toBe("chat.completion.chunk");
    if (chunk.usage != null) usages.push(chunk);
    for (const { index, delta, finish_reason: reason } of chunk.choices) {
      texts[index] = (texts[index] ?? "") + (delta.content ?? "");
      if (reason !== null) reasons[index] = reason;
    }
  }
  return { texts, reasons, usages };
}

describe.each(sideNames)("%s", (name) => {
  let side: Side;
  let client: OpenAI;
  beforeEach(() => {
    side = sides.side(name);
    side.upstream.reset();
    client = side.client();
  });

  test("a chat completion", async () => {
    const answer = await client.chat.completions.create({ model: "chat", messages, max_tokens: 3 });
    expect(answer).toMatchObject({
      object: "chat.completion",
      model: "chat",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "tok0 tok1 tok2" },
          finish_reason: "length",
        },
      ],
      usage: { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 },
    });
  });

  test("several choices", async () => {
    const answer = await client.chat.completions.create({
      model: "chat",
      messages,
      n: 3,
      max_completion_tokens: 2,
    });
    expect(answer.choices.map(({ index, message }) => [index, message.content])).toEqual([
      [0, "tok0 tok1"],
      [1, "tok0 tok1"],
      [2, "tok0 tok1"],
    ]);
    expect(answer.usage?.completion_tokens).toBe(6);
  });

  test("a chat stream: no usage unless asked for", async () => {
    const stream = await client.chat.completions.create({
      model: "chat",
      messages,
      max_tokens: 3,
      stream: true,
    });
    expect(await read(stream)).toEqual({
      texts: ["tok0 tok1 tok2"],
      reasons: ["length"],
      usages: [],
    });
  });

  test("a chat stream with usage: exactly one chunk has it, the last one", async () => {
    const stream = await client.chat.completions.create({
      model: "chat",
      messages,
      n: 2,
      max_tokens: 3,
      stream: true,
      stream_options: { include_usage: true },
    });
    const { texts, reasons, usages } = await read(stream);
    expect(texts).toEqual(["tok0 tok1 tok2", "tok0 tok1 tok2"]);
    expect(reasons).toEqual(["length", "length"]);
    expect(usages).toMatchObject([
      { choices: [], usage: { prompt_tokens: 2, completion_tokens: 6, total_tokens: 8 } },
    ]);
  });

  test("include_usage: false is no", async () => {
    const stream = await client.chat.completions.create({
      model: "chat",
      messages,
      max_tokens: 1,
      stream: true,
      stream_options: { include_usage: false },
    });
    expect((await read(stream)).usages).toEqual([]);
  });

  test("the SDK's stream runner puts a chat stream together", async () => {
    const runner = client.chat.completions.stream({ model: "chat", messages, max_tokens: 2 });
    const whole = await runner.finalChatCompletion();
    expect(whole.choices[0]?.message.content).toBe("tok0 tok1");
    expect(whole.choices[0]?.finish_reason).toBe("length");
  });

  test("a completion of several prompts", async () => {
    const answer = await client.completions.create({
      model: "chat",
      prompt: ["one", "two"],
      n: 2,
      max_tokens: 2,
    });
    expect(answer.object).toBe("text_completion");
    expect(answer.choices.map(({ index, text }) => [index, text])).toEqual([
      [0, "tok0 tok1"],
      [1, "tok0 tok1"],
      [2, "tok0 tok1"],
      [3, "tok0 tok1"],
    ]);
    expect(answer.usage).toMatchObject({ completion_tokens: 8 });
  });

  test("a completion stream", async () => {
    const stream = await client.completions.create({
      model: "chat",
      prompt: "one",
      max_tokens: 2,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    const usages: unknown[] = [];
    for await (const chunk of stream) {
      text += chunk.choices[0]?.text ?? "";
      if (chunk.usage != null) usages.push(chunk.usage);
    }
    expect(text).toBe("tok0 tok1");
    expect(usages).toMatchObject([{ completion_tokens: 2 }]);
  });

  test("embeddings are the same numbers as base64, the SDK's default, and as floats", async () => {
    const asked = { model: "embed", input: ["one", "two"], dimensions: 8 };
    const byDefault = await client.embeddings.create(asked);
    const floats = await client.embeddings.create({ ...asked, encoding_format: "float" });
    expect(byDefault.data).toHaveLength(2);
    expect(byDefault.data[0]?.embedding).toHaveLength(8);
    expect(byDefault.data).toEqual(floats.data);
    expect(byDefault.data[0]?.embedding).not.toEqual(byDefault.data[1]?.embedding);
    const encoded = await client.embeddings.create({ ...asked, encoding_format: "base64" });
    expect(encoded.data[0]?.embedding).toEqual(expect.stringMatching(/^[A-Za-z0-9+/]+=*$/));
    expect(floats.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });
  });

  test("models", async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) {
      expect(model).toMatchObject({ object: "model", owned_by: expect.any(String) });
      expect(Number.isInteger(model.created)).toBe(true);
      ids.push(model.id);
    }
    expect(ids).toEqual(["chat", "embed"]);
  });
});

describe("what only the broker has", () => {
  test("one model by its id, and 404 for one that is not there", async () => {
    const client = sides.side("through the broker").client();
    expect(await client.models.retrieve("chat")).toMatchObject({ id: "chat", object: "model" });
    await expect(client.models.retrieve("absent")).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
    });
  });

  test("a sync answer tells its request, job, provider, attempts, queueing and cost", async () => {
    const client = sides.side("through the broker").client();
    const {
      response,
      request_id: requestId,
      data,
    } = await client.chat.completions
      .create({ model: "chat", messages, max_tokens: 3 })
      .withResponse();
    const header = (name: string): string | null => response.headers.get(name);
    expect(requestId).toMatch(/^req_/);
    expect(data).toHaveProperty("_request_id", requestId);
    expect(header("x-spillway-job-id")).toMatch(/^job_[0-9a-f]{32}$/);
    expect(header("x-spillway-provider")).toBe("cloud");
    expect(header("x-spillway-attempts")).toBe("1");
    expect(header("x-spillway-queue-ms")).toMatch(/^\d+$/);
    // The cost is 2 tokens in at $1 a million, and 3 out at $2 a million.
    expect(header("x-spillway-cost-usd")).toBe("0.000008");
  });

  test("a stream tells at its start what is known then", async () => {
    const client = sides.side("through the broker").client();
    const {
      response,
      request_id: requestId,
      data,
    } = await client.chat.completions
      .create({ model: "chat", messages, max_tokens: 3, stream: true })
      .withResponse();
    const header = (name: string): string | null => response.headers.get(name);
    expect(requestId).toMatch(/^req_/);
    expect(header("content-type")).toMatch(/^text\/event-stream/);
    expect(header("x-spillway-job-id")).toMatch(/^job_[0-9a-f]{32}$/);
    expect(header("x-spillway-provider")).toBe("cloud");
    expect(header("x-spillway-attempts")).toBe("1");
    expect(header("x-spillway-queue-ms")).toMatch(/^\d+$/);
    await read(data);
  });
});
