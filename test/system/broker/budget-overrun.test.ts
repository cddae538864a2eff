import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Simulator } from "../../../cli/simulate/simulator.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { budgetOf, expectNothingOpen } from "./budget-view.ts";
import { withoutRescue } from "./without-rescue.ts";

let broker: TestBroker;
let client: OpenAI;
let id: string;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 4, price: { input: 0, output: 1 } } },
    cadences: withoutRescue,
    models: [
      "  chat:",
      "    serve: [{ provider: gpu, model: m }]",
      "    max_output_tokens: 10000000",
    ].join("\n"),
  });
});
afterAll(() => broker.stop());
beforeEach(async () => {
  gpu().reset();
  const made = await broker.key({ budget: { limit_usd: 100_000, period: "total" } });
  ({ id } = made);
  client = new OpenAI({ apiKey: made.key, baseURL: broker.baseUrl, maxRetries: 0 });
});

function gpu(): Simulator {
  const { gpu: simulator } = broker.upstreams;
  if (simulator === undefined) throw new Error("no gpu");
  return simulator;
}

interface Row {
  readonly status: string;
  readonly completion: string;
  readonly cost: string;
  readonly overrun: string;
}

async function rowOf(keyId: string): Promise<Row | undefined> {
  const { rows } = await broker.database.pool.query<Row>(
    `select status, completion_tokens::text as completion, cost_nanos::text as cost,
       overrun_nanos::text as overrun from ledger where key_id = $1`,
    [keyId],
  );
  expect(rows.length).toBeLessThanOrEqual(1);
  return rows[0];
}

const messages = [{ role: "user" as const, content: "Hello" }];

describe.each([false, true])(
  "an upstream that reports more than was asked for (stream: %s)",
  (stream) => {
    async function send(maxTokens: number, n: number): Promise<void> {
      const request = { model: "chat", messages, max_tokens: maxTokens, n };
      if (!stream) await client.chat.completions.create(request);
      else
        for await (const _ of await client.chat.completions.create({ ...request, stream: true }));
    }

    test("costs the key what was held, the operator the rest", async () => {
      gpu().setFault({ type: "wrong_usage", usage: { prompt_tokens: 2, completion_tokens: 10 } });
      await send(4, 1);
      expect(await rowOf(id)).toEqual({
        status: "ok",
        completion: "10",
        cost: "4000",
        overrun: "6000",
      });
      expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: "0.000004", held_usd: "0" });
    });

    test.each([2 ** 31 - 1, 2 ** 31, 4_000_000_000, 2 ** 53])(
      "is settled at %i tokens on the largest request there is, too",
      async (tokens) => {
        gpu().setFault({
          type: "wrong_usage",
          usage: { prompt_tokens: 2, completion_tokens: tokens },
        });
        await send(10_000_000, 128);
        await eventually(() => expectNothingOpen(broker));
        const row = await rowOf(id);
        expect(row).toMatchObject({ status: "ok" });
        // The cost is at most the hold: 1.28 thousand million tokens at $1 a million.
        expect(Number(row?.cost)).toBeLessThanOrEqual(1_280 * 1e9);
        expect((await budgetOf(broker, id)).held_usd).toBe("0");
      },
    );
  },
);
