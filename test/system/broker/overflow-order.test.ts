import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, type Answer, type Question } from "./ask.ts";
import { expectAtRest } from "./fault-rig.ts";
import { withoutRescue } from "./without-rescue.ts";

let broker: TestBroker;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 1 } },
    cadences: withoutRescue,
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
  });
});
afterAll(() => broker.stop());
afterEach(() => broker.upstreams["gpu"]?.setFault(null));

interface Ask {
  readonly name: string;
  readonly question: Question;
}

/**
 * Asks one question after the other while the only slot is taken, then frees it. Returns the names
 * of the questions in the order in which the upstream received them.
 */
async function orderServed(questions: readonly Ask[]): Promise<string[]> {
  const gpu = broker.upstreams["gpu"];
  gpu?.setFault({ type: "hang", times: 1 });
  const leave = new AbortController();
  const blocker = ask(broker, { key: questions[0]?.question.key ?? "", signal: leave.signal });
  const blocked = blocker.catch(() => undefined);
  await eventually(() => expect(gpu?.counters().running).toBe(1));
  const asked: Promise<Answer>[] = [];
  for (const { question } of questions) {
    asked.push(ask(broker, question));
    await eventually(async () => {
      const { rows } = await broker.database.pool.query(
        "select from bullmq.job where state = 'waiting'",
      );
      expect(rows).toHaveLength(asked.length);
    });
  }
  leave.abort();
  await blocked;
  const startedAt = new Map(
    (await Promise.all(asked)).map((answer, number) => {
      expect(answer.status).toBe(200);
      const id = `${answer.headers.get("x-spillway-job-id")}.1`;
      return [
        questions[number]?.name ?? "",
        gpu?.counters().requests[id]?.startedAtMs ?? 0,
      ] as const;
    }),
  );
  await expectAtRest(broker);
  return [...startedAt].toSorted(([, a], [, b]) => a - b).map(([name]) => name);
}

function asksOf(name: string, key: string, count: number): Ask[] {
  return Array.from({ length: count }, (_, number) => ({
    name: `${name}${number}`,
    question: { key },
  }));
}

test("priority goes before default, and default before flex", async () => {
  const { key } = await broker.key();
  const asTier = (tier: string, number: number) => ({
    name: `${tier} ${number}`,
    question: { key, fields: tier === "auto" ? {} : { service_tier: tier } },
  });
  const tiers = ["flex", "auto", "priority"];
  expect(await orderServed([...tiers, ...tiers].map((tier, at) => asTier(tier, at)))).toEqual([
    "priority 2",
    "priority 5",
    "auto 1",
    "auto 4",
    "flex 0",
    "flex 3",
  ]);
});

test("a key never gets a better class than its ceiling", async () => {
  const high = (await broker.key()).key;
  const low = (await broker.key({ max_service_tier: "flex" })).key;
  expect(
    await orderServed([
      { name: "low", question: { key: low, fields: { service_tier: "priority" } } },
      { name: "high", question: { key: high } },
    ]),
  ).toEqual(["high", "low"]);
});

test("two keys take turns, however many one of them has put in line first", async () => {
  const a = (await broker.key()).key;
  const b = (await broker.key()).key;
  expect(await orderServed([...asksOf("a", a, 6), ...asksOf("b", b, 3)])).toEqual([
    "a0",
    "b0",
    "a1",
    "b1",
    "a2",
    "b2",
    "a3",
    "a4",
    "a5",
  ]);
});
