import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4 }, cloud: { location: "cloud", price: { input: 1, output: 2 } } },
    models:
      "  chat:\n    serve: [{ provider: gpu, model: m }]\n    overflow: [{ provider: cloud, model: c }]",
  });
});
afterAll(() => broker.stop());

test("a chat completion is answered by the local provider and stands in the ledger", async () => {
  const { key } = await broker.key();
  const client = new OpenAI({ apiKey: key, baseURL: broker.baseUrl, maxRetries: 0 });
  const answer = await client.chat.completions.create({
    model: "chat",
    messages: [{ role: "user", content: "Hello" }],
    max_tokens: 3,
  });
  expect(answer.choices[0]?.message.content).toBe("tok0 tok1 tok2");
  const { data } = await broker.admin<{ data: unknown[] }>("GET", "/admin/ledger");
  expect(data).toMatchObject([
    {
      provider: "gpu",
      status: "ok",
      model: "chat",
      upstream_model: "m",
      completion_tokens: 3,
      cost_usd: "0",
    },
  ]);
});
