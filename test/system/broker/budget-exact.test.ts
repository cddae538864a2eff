import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { budgetOf, expectNothingOpen, ledgerOf } from "./budget-view.ts";
import { withoutRescue } from "./without-rescue.ts";

const MAX_TOKENS = 4;
/**
 * Output costs $1 per million tokens and input nothing, so every request costs what was held for
 * it.
 */
const REQUEST_NANOS = MAX_TOKENS * 1_000;

let broker: TestBroker;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 8, price: { input: 0, output: 1 } } },
    cadences: withoutRescue,
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
  });
});
afterAll(() => broker.stop());
beforeEach(() => broker.upstreams["gpu"]?.reset());

async function keyFor(requests: number): Promise<{ client: OpenAI; id: string; limitUsd: string }> {
  const limitUsd = (requests * REQUEST_NANOS * 1e-9).toFixed(6);
  const { key, id } = await broker.key({ budget: { limit_usd: limitUsd, period: "month" } });
  return {
    client: new OpenAI({ apiKey: key, baseURL: broker.baseUrl, maxRetries: 0 }),
    id,
    limitUsd,
  };
}

/** Returns `ok` or the error's status. */
async function send(client: OpenAI, stream: boolean): Promise<"ok" | number | undefined> {
  const request = {
    model: "chat",
    messages: [{ role: "user" as const, content: "Hello" }],
    max_tokens: MAX_TOKENS,
  };
  try {
    let text = "";
    if (stream) {
      for await (const chunk of await client.chat.completions.create({ ...request, stream: true }))
        text += chunk.choices[0]?.delta.content ?? "";
    } else {
      const answer = await client.chat.completions.create(request);
      text = answer.choices[0]?.message.content ?? "";
    }
    expect(text).toBe("tok0 tok1 tok2 tok3");
    return "ok";
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error.status;
    throw error;
  }
}

function tally(results: readonly ("ok" | number | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results) counts[String(result)] = (counts[String(result)] ?? 0) + 1;
  return counts;
}

test("a budget for 10 requests serves exactly 10 of 500 parallel callers", async () => {
  const { client, id, limitUsd } = await keyFor(10);
  const results = await Promise.all(
    Array.from({ length: 500 }, (_, caller) => send(client, caller % 3 === 0)),
  );
  expect(tally(results)).toEqual({ ok: 10, 402: 490 });
  await eventually(() => expectNothingOpen(broker));
  expect(await budgetOf(broker, id)).toMatchObject({
    limit_usd: limitUsd.replace(/0+$/, ""),
    settled_usd: limitUsd.replace(/0+$/, ""),
    held_usd: "0",
  });
  expect(await ledgerOf(broker, id)).toEqual({
    ok: { rows: 10, nanos: BigInt(10 * REQUEST_NANOS) },
  });
  const { calls, ok, requests } = broker.upstreams["gpu"]?.counters() ?? {};
  expect({ calls, ok, ids: Object.keys(requests ?? {}).length }).toEqual({
    calls: 10,
    ok: 10,
    ids: 10,
  });
  const { rows } = await broker.database.pool.query<{ jobs: number }>(
    "select count(*)::integer as jobs from jobs",
  );
  expect(rows).toEqual([{ jobs: 10 }]);
});

test("keys used side by side get what each may, however their callers mix", async () => {
  const allowed = [0, 1, 3, 7, 12];
  const keys = await Promise.all(allowed.map((requests) => keyFor(requests)));
  const unlimited = await broker.key();
  const free = new OpenAI({ apiKey: unlimited.key, baseURL: broker.baseUrl, maxRetries: 0 });
  const callers = Array.from({ length: 120 }, (_, caller) => caller);
  const results = await Promise.all(
    callers.map((caller) => {
      const client = keys[caller % 6]?.client ?? free;
      return send(client, caller % 4 === 0);
    }),
  );
  for (const [index, requests] of allowed.entries()) {
    const own = results.filter((_, caller) => caller % 6 === index);
    expect(own.filter((result) => result === "ok")).toHaveLength(requests);
    expect(own.filter((result) => result === 402)).toHaveLength(20 - requests);
  }
  expect(results.filter((_, caller) => caller % 6 === 5)).toEqual(Array(20).fill("ok"));
  await eventually(() => expectNothingOpen(broker));
  for (const [index, { id }] of keys.entries()) {
    const { settled_usd: settled, limit_usd: limit, held_usd: held } = await budgetOf(broker, id);
    expect({ settled, held }).toEqual({ settled: limit, held: "0" });
    expect((await ledgerOf(broker, id))["ok"]?.rows ?? 0).toBe(allowed[index]);
  }
  const total = allowed.reduce((sum, requests) => sum + requests, 20);
  expect(broker.upstreams["gpu"]?.counters()).toMatchObject({ calls: total, ok: total });
});
