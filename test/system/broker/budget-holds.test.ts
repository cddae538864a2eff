import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { budgetOf, expectNothingOpen, ledgerOf } from "./budget-view.ts";
import { withoutRescue } from "./without-rescue.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: {
      dear: { slots: 8, price: { input: 1, output: 1 } },
      cheap: { slots: 1, price: { input: 0, output: 1 } },
      cloud: { slots: 8, location: "cloud", price: { input: 0, output: 10 } },
    },
    cadences: withoutRescue,
    models: [
      "  dear: { serve: [{ provider: dear, model: m }] }",
      "  rising:",
      "    serve: [{ provider: cheap, model: m }]",
      "    overflow: [{ provider: cloud, model: m }]",
      "    overflow_when: { waited: 50ms, failed: true }",
    ].join("\n"),
  });
});
afterAll(() => broker.stop());
beforeEach(() => {
  for (const upstream of Object.values(broker.upstreams)) upstream.reset();
});

const upstream = (name: string) => {
  const simulator = broker.upstreams[name];
  if (simulator === undefined) throw new Error(`no ${name}`);
  return simulator;
};

async function keyWith(limitNanos: number): Promise<{ client: OpenAI; id: string }> {
  const limit = (limitNanos / 1e9).toFixed(9);
  const { key, id } = await broker.key({ budget: { limit_usd: limit, period: "total" } });
  return { client: new OpenAI({ apiKey: key, baseURL: broker.baseUrl, maxRetries: 0 }), id };
}

const messages = [{ role: "user" as const, content: "Hello" }];

/**
 * The request has 4 tokens. Returns its cost in USD from the answer's header, or the error's
 * status.
 */
async function send(client: OpenAI, model: string, signal?: AbortSignal): Promise<unknown> {
  try {
    const { response } = await client.chat.completions
      .create({ model, messages, max_tokens: 4 }, { signal })
      .withResponse();
    return response.headers.get("x-spillway-cost-usd");
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error.status ?? "aborted";
    throw error;
  }
}

test("holds above the real cost never let more be settled than the limit, and use it up", async () => {
  const limit = 1_000_000;
  const { client, id } = await keyWith(limit);
  const period = async (): Promise<bigint> => {
    const { rows } = await broker.database.pool.query<{ spent: bigint }>(
      `select settled_nanos + held_nanos as spent from budget_periods
       join budgets b on b.id = budget_id where b.key_id = $1`,
      [id],
    );
    return rows[0]?.spent ?? 0n;
  };
  const sent = new AbortController();
  let most = 0n;
  const sampler = (async (): Promise<void> => {
    while (!sent.signal.aborted) {
      const spent = await period();
      if (spent > most) most = spent;
    }
  })();
  // The cost is 2 tokens in and 4 out, at $1 a million.
  const cost = "0.000006";
  const results = await Promise.all(Array.from({ length: 100 }, () => send(client, "dear")));
  expect(new Set(results)).toEqual(new Set([cost, 402]));
  let served = results.filter((result) => result === cost).length;
  while ((await send(client, "dear")) === cost) served += 1;
  sent.abort();
  await sampler;

  await eventually(() => expectNothingOpen(broker));
  expect(most).toBeLessThanOrEqual(BigInt(limit));
  const settled = BigInt(served * 6_000);
  expect(await ledgerOf(broker, id)).toEqual({ ok: { rows: served, nanos: settled } });
  expect(await period()).toBe(settled);
  // The rest of the budget is less than one more worst case: some 130 bytes and 4 tokens.
  expect(Number(BigInt(limit) - settled)).toBeLessThan(200_000);
  expect(upstream("dear").counters()).toMatchObject({ calls: served, ok: served });
});

describe("a refused request is told what would fit", () => {
  const ways: readonly [string, object][] = [
    ["/chat/completions", { messages, max_completion_tokens: 4_000 }],
    ["/chat/completions", { messages, max_tokens: 500, n: 3 }],
    ["/completions", { prompt: "Hello", max_tokens: 4_000 }],
    ["/responses", { input: "Hello", store: false, max_output_tokens: 4_000 }],
    ["/responses", { input: "Hello" }],
  ];
  test.each(ways)("%s %j", async (path, fields) => {
    const { client } = await keyWith(1_000_000);
    const ask = (own: object): Promise<unknown> =>
      client.post(path, { body: { model: "dear", ...fields, ...own } });
    const error = await ask({}).then(
      () => expect.fail("it was served"),
      (thrown: unknown) => thrown as InstanceType<typeof OpenAI.APIError>,
    );
    expect(error.status).toBe(402);
    const [, field = "", cap = ""] =
      /fit with '(\w+)' of at most (\d+) in/.exec(error.message) ?? [];
    expect(Number(cap)).toBeGreaterThan(100);
    const none = { max_tokens: undefined };
    await expect(ask({ ...none, [field]: Number(cap) + 1 })).rejects.toMatchObject({ status: 402 });
    await ask({ ...none, [field]: Number(cap) });
  });

  test("or that its input is too much, with the tools", async () => {
    const { client } = await keyWith(1_000_000);
    const description = "x".repeat(2_000);
    const tools = [{ type: "function" as const, function: { name: "f", description } }];
    await expect(
      client.chat.completions.create({ model: "dear", messages, tools, max_tokens: 4 }),
    ).rejects.toThrow(/Its input alone, with its tools, may cost \$0\.002\d+: it would/);
  });
});

describe("a move to a target that costs ten times as much", () => {
  test("is not forced on a job that only waited too long: it stays where it can be paid for", async () => {
    const { client, id } = await keyWith(39_999);
    upstream("cheap").setFault({ type: "hang" }, { times: 1 });
    const other = await keyWith(4_000);
    const abort = new AbortController();
    const running = send(other.client, "rising", abort.signal);
    await eventually(() => expect(upstream("cheap").counters().inFlight).toBe(1));
    const waiting = send(client, "rising");
    // The mover reached the time for its overflow, and postponed it.
    await eventually(async () => {
      const { rows } = await broker.database.pool.query(
        "select overflow_at > now() + interval '3 s' as put_off from jobs where key_id = $1",
        [id],
      );
      expect(rows).toEqual([{ put_off: true }]);
    });
    abort.abort();
    expect(await running).toBe("aborted");
    expect(await waiting).toBe("0.000004");
    expect(upstream("cloud").counters().calls).toBe(0);
    expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: "0.000004", held_usd: "0" });
    await eventually(() => expectNothingOpen(broker));
  });

  test("holds its worst case before it is called, and settles what it costs", async () => {
    const { client, id } = await keyWith(40_000);
    upstream("cheap").setFault({ type: "status", status: 500 });
    upstream("cloud").setFault({ type: "hang_after", tokens: 0 });
    const abort = new AbortController();
    const held = send(client, "rising", abort.signal);
    await eventually(() => expect(upstream("cloud").counters().inFlight).toBe(1));
    expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: "0", held_usd: "0.00004" });
    abort.abort();
    await held;
    await eventually(() => expectNothingOpen(broker));
  });

  test("settles both the failed attempt and the one that served", async () => {
    const { client, id } = await keyWith(100_000);
    // Half of a body arrived: its bytes cost money, for at most the 4 tokens of the request.
    upstream("cheap").setFault({ type: "cut" });
    expect(await send(client, "rising")).toBe("0.000044");
    expect(await ledgerOf(broker, id)).toEqual({
      failed: { rows: 1, nanos: 4_000n },
      ok: { rows: 1, nanos: 40_000n },
    });
    expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: "0.000044", held_usd: "0" });
  });

  test("ends in 402 when the budget lacks a single nano-dollar for it", async () => {
    const { client, id } = await keyWith(39_999);
    upstream("cheap").setFault({ type: "status", status: 500 });
    expect(await send(client, "rising")).toBe(402);
    expect(upstream("cloud").counters().calls).toBe(0);
    expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: "0", held_usd: "0" });
    expect(await ledgerOf(broker, id)).toEqual({ failed: { rows: 1, nanos: 0n } });
  });

  test("is granted to as many as the budget covers when several move at once", async () => {
    const { client, id } = await keyWith(120_000);
    upstream("cheap").setFault({ type: "status", status: 500 });
    const results = await Promise.all(Array.from({ length: 8 }, () => send(client, "rising")));
    const served = results.filter((result) => result === "0.00004").length;
    expect(results.filter((result) => result === 402)).toHaveLength(8 - served);
    expect(served).toBeGreaterThanOrEqual(2);
    expect(served).toBeLessThanOrEqual(3);
    await eventually(() => expectNothingOpen(broker));
    const { settled_usd: settled } = await budgetOf(broker, id);
    expect(Number(settled)).toBeCloseTo(served * 0.00004, 9);
    expect(upstream("cloud").counters().calls).toBe(served);
  });
});
