import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { budgetOf, expectNothingOpen } from "./budget-view.ts";
import { startRecordingUpstream, type RecordingUpstream } from "./recording-upstream.ts";
import { withoutRescue } from "./without-rescue.ts";

/** Every request has 4 tokens at $1 a million, held and settled. */
const REQUEST_USD = 0.000004;
const DAY_MS = 86_400_000;

let upstream: RecordingUpstream;
let broker: TestBroker;
beforeAll(async () => {
  upstream = await startRecordingUpstream();
  upstream.answerWith({
    json: {
      choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
      usage: { prompt_tokens: 1, completion_tokens: 4, total_tokens: 5 },
    },
  });
  broker = await startTestBroker({
    providers: { gpu: { baseUrl: upstream.url, brokerSlots: 2, price: { input: 0, output: 1 } } },
    cadences: withoutRescue,
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
  });
});
afterAll(async () => {
  await broker.stop();
  await upstream.close();
});

let seen: number;
beforeEach(() => {
  seen = upstream.bodies.length;
});

async function keyFor(
  requests: number,
  period = "total",
): Promise<{ send: () => Promise<unknown>; id: string }> {
  const { key, id } = await broker.key({ budget: { limit_usd: usd(requests), period } });
  const client = new OpenAI({ apiKey: key, baseURL: broker.baseUrl, maxRetries: 0 });
  const send = async (): Promise<unknown> => {
    try {
      await client.chat.completions.create({
        model: "chat",
        messages: [{ role: "user", content: "Hello" }],
        max_tokens: 4,
      });
      return "ok";
    } catch (error) {
      if (error instanceof OpenAI.APIError) return error.status;
      throw error;
    }
  };
  return { send, id };
}

function usd(requests: number): string {
  return String(Number((requests * REQUEST_USD).toFixed(6)));
}

const change = (id: string, budget: unknown): Promise<unknown> =>
  broker.admin("PATCH", `/admin/keys/${id}`, { budget });

const untilCalled = (times: number): Promise<void> =>
  eventually(() => expect(upstream.bodies.length - seen).toBe(times));

/** Lets a key's budget periods end a day earlier, as if the clock had moved on by a day. */
async function letADayPass(keyId: string): Promise<void> {
  const { rows } = await broker.database.pool.query<{ id: bigint }>(
    `select p.id from budget_periods p join budgets b on b.id = p.budget_id
     where b.key_id = $1 order by p.starts_at`,
    [keyId],
  );
  for (const { id } of rows)
    await broker.database.pool.query(
      `update budget_periods set starts_at = starts_at - interval '1 day',
         ends_at = ends_at - interval '1 day' where id = $1`,
      [id],
    );
}

test("a limit lowered below what runs stops new requests only; raised again, it admits", async () => {
  const { send, id } = await keyFor(10);
  const release = upstream.holdAnswers();
  const running = [send(), send()];
  await untilCalled(2);
  await change(id, { limit_usd: usd(1) });
  expect(await send()).toBe(402);
  expect(await budgetOf(broker, id)).toMatchObject({
    limit_usd: "0.000004",
    settled_usd: "0",
    held_usd: "0.000008",
  });
  release();
  expect(await Promise.all(running)).toEqual(["ok", "ok"]);
  expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: "0.000008", held_usd: "0" });
  expect(await send()).toBe(402);
  await change(id, { limit_usd: Number(usd(3)) });
  expect([await send(), await send()]).toEqual(["ok", 402]);
  expect(await budgetOf(broker, id)).toMatchObject({
    limit_usd: "0.000012",
    settled_usd: "0.000012",
  });
});

test("a limit that keeps changing under many callers is never exceeded by what was admitted", async () => {
  const { send, id } = await keyFor(5);
  const limits = [2, 8, 3, 12, 1, 12];
  const callers = Array.from({ length: 60 }, () => send());
  for (const requests of limits) await change(id, { limit_usd: usd(requests) });
  const served = (await Promise.all(callers)).filter((result) => result === "ok").length;
  expect(served).toBeLessThanOrEqual(12);
  let more = 0;
  while ((await send()) === "ok") more += 1;
  expect(served + more).toBe(12);
  await eventually(() => expectNothingOpen(broker));
  expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: usd(12), held_usd: "0" });
});

test("a removed budget no longer binds; a new one begins at zero", async () => {
  const { send, id } = await keyFor(1);
  const release = upstream.holdAnswers();
  const running = send();
  await untilCalled(1);
  expect(await send()).toBe(402);
  await change(id, null);
  expect(await budgetOf(broker, id)).toBeNull();
  const free = send();
  await untilCalled(2);
  await change(id, { limit_usd: usd(1), period: "day" });
  release();
  expect([await running, await free]).toEqual(["ok", "ok"]);
  expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: "0", held_usd: "0" });
  expect([await send(), await send()]).toEqual(["ok", 402]);
  await eventually(() => expectNothingOpen(broker));
});

test("a request that straddles a reset counts in the period that admitted it", async () => {
  const { send, id } = await keyFor(2, "day");
  const release = upstream.holdAnswers();
  const running = [send(), send()];
  await untilCalled(2);
  expect(await send()).toBe(402);
  await letADayPass(id);
  expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: "0", held_usd: "0" });
  release();
  expect(await Promise.all(running)).toEqual(["ok", "ok"]);
  expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: "0", held_usd: "0" });
  expect([await send(), await send(), await send()]).toEqual(["ok", "ok", 402]);
  expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: usd(2), held_usd: "0" });
  await letADayPass(id);
  expect(await send()).toBe("ok");
  const { rows } = await broker.database.pool.query(
    `select settled_nanos::integer as settled, held_nanos::integer as held
     from budget_periods p join budgets b on b.id = p.budget_id
     where b.key_id = $1 and settled_nanos > 0 order by starts_at`,
    [id],
  );
  expect(rows).toEqual([
    { settled: 8_000, held: 0 },
    { settled: 8_000, held: 0 },
    { settled: 4_000, held: 0 },
  ]);
});

test("a period changed while a request runs starts a new count; the old one is settled", async () => {
  const { send, id } = await keyFor(1, "day");
  const release = upstream.holdAnswers();
  const running = send();
  await untilCalled(1);
  expect(await send()).toBe(402);
  await change(id, { period: "month" });
  expect(await budgetOf(broker, id)).toMatchObject({ period: "month", held_usd: "0" });
  release();
  expect(await running).toBe("ok");
  expect([await send(), await send()]).toEqual(["ok", 402]);
  await eventually(() => expectNothingOpen(broker));
});

async function resetOf(period: string): Promise<string | null> {
  const { id } = await keyFor(1, period);
  return (await budgetOf(broker, id)).resets_at;
}

test("periods end at midnight UTC, on Monday, on the first; a total never does", async () => {
  const now = Date.now();
  const [day, week, month, total] = await Promise.all(
    ["day", "week", "month", "total"].map(resetOf),
  );
  expect(total).toBeNull();
  const ends = [day, week, month].map((time) => new Date(time ?? ""));
  for (const [index, longestMs] of [DAY_MS, 7 * DAY_MS, 31 * DAY_MS].entries()) {
    const end = ends[index]?.getTime() ?? 0;
    expect(end % DAY_MS).toBe(0);
    expect(end).toBeGreaterThan(now);
    expect(end - Date.now()).toBeLessThanOrEqual(longestMs);
  }
  expect(ends[1]?.getUTCDay()).toBe(1);
  expect(ends[2]?.getUTCDate()).toBe(1);
});

test("a revoked key's waiting jobs end with 401 at once, its running ones go on", async () => {
  const { send, id } = await keyFor(10);
  const release = upstream.holdAnswers();
  const running = [send(), send()];
  await untilCalled(2);
  const waiting = [send(), send(), send()];
  await eventually(async () => expect((await budgetOf(broker, id)).held_usd).toBe(usd(5)));
  await broker.admin("DELETE", `/admin/keys/${id}`);
  expect(await Promise.all(waiting)).toEqual([401, 401, 401]);
  // The API may keep a key in memory for a moment, but it admits nothing in that time either.
  expect(await send()).toBe(401);
  release();
  expect(await Promise.all(running)).toEqual(["ok", "ok"]);
  await eventually(() => expectNothingOpen(broker));
  expect(upstream.bodies.length - seen).toBe(2);
  expect(await budgetOf(broker, id)).toMatchObject({ settled_usd: usd(2), held_usd: "0" });
});
