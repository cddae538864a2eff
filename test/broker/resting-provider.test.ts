import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../support/broker.ts";
import { eventually } from "../support/eventually.ts";
import { ask, contentOf, errorOf } from "./ask.ts";
import { expectAtRest, richKey } from "./fault-rig.ts";
import { startMoodyUpstream, type Mood, type MoodyUpstream } from "./moody-upstream.ts";

const JOBS = 20;
/** How long each trouble lasts; `OUTAGE_MS=60000` for the length of a real restart. */
const OUTAGE_MS = Number(process.env["OUTAGE_MS"] ?? 2_500);

let gpu: MoodyUpstream;
let broker: TestBroker;
let key: string;
beforeAll(async () => {
  gpu = await startMoodyUpstream();
  broker = await startTestBroker({
    providers: { gpu: { baseUrl: gpu.url, brokerSlots: 4, price: { input: 1, output: 1 } } },
    models: [
      "  chat: { serve: [{ provider: gpu, model: m }] }",
      "  hasty: { serve: [{ provider: gpu, model: m }], no_capacity: reject }",
    ].join("\n"),
  });
  key = await richKey(broker);
});
afterAll(async () => {
  await broker.stop();
  await gpu.close();
});
beforeEach(async () => {
  gpu.setHealth(200);
  gpu.setMood(null);
  await ask(broker, { key });
});

async function isHealthy(): Promise<boolean | undefined> {
  const { data } = await broker.admin<{ data: { name: string; healthy: boolean }[] }>(
    "GET",
    "/admin/providers",
  );
  return data.find(({ name }) => name === "gpu")?.healthy;
}

async function accept(_: unknown, number: number): Promise<string> {
  const answer = await ask(broker, {
    key,
    content: `Hello ${number}`,
    headers: { prefer: "respond-async" },
  });
  expect(answer.status).toBe(202);
  return answer.headers.get("x-spillway-job-id") ?? "";
}

async function jobs(ids: readonly string[]): Promise<{ state: string; tries: number }[]> {
  const { rows } = await broker.database.pool.query<{ state: string; tries: number }>(
    "select state, tries from jobs where id = any ($1)",
    [ids],
  );
  return rows;
}

const page = (status: number): Mood => ({ status, body: `<html><h1>${status}</h1></html>` });
const told = (status: number, message: string): Mood => ({
  status,
  body: { error: { message, type: "unavailable_error", code: status } },
});

const troubles: readonly {
  readonly what: string;
  readonly begin: () => Promise<void> | void;
  readonly end?: () => Promise<void>;
}[] = [
  {
    what: "an engine that loads its model",
    begin: () => {
      gpu.setHealth(503);
      gpu.setMood(told(503, "Loading model"));
    },
  },
  { what: "a proxy's 502 pages", begin: () => gpu.setMood(page(502)) },
  { what: "a proxy's 504 pages", begin: () => gpu.setMood(page(504)) },
  { what: "429 without retry-after", begin: () => gpu.setMood(told(429, "slow down")) },
  {
    what: "an engine that drains with 500, its health well",
    begin: () => gpu.setMood(told(500, "cannot schedule new futures after shutdown")),
  },
  { what: "500 without a word about the reason", begin: () => gpu.setMood(told(500, "boom")) },
  { what: "sockets that break before any header", begin: () => gpu.setMood("drop") },
  { what: "refused connections", begin: () => gpu.down(), end: () => gpu.back() },
];

describe("20 accepted jobs and a waiting caller, through", () => {
  test.each(troubles)(
    "$what: all done, no attempt counted",
    async ({ what, begin, end }) => {
      const before = gpu.refused;
      await begin();
      const ids = await Promise.all(Array.from({ length: JOBS }, accept));
      const isInteractiveServed = !what.startsWith("500 without");
      const waiting = isInteractiveServed ? ask(broker, { key, stream: true }) : undefined;
      await eventually(async () => expect(await isHealthy()).toBe(false), 5_000);
      await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
      // Calls that are refused at once, and then one after each rest: 1, 2, 4, 8, 15 s, ...
      expect(gpu.refused - before).toBeLessThanOrEqual(6 + Math.ceil(OUTAGE_MS / 5_000));
      gpu.setMood(null);
      gpu.setHealth(200);
      await end?.();
      await eventually(async () => {
        expect((await jobs(ids)).filter(({ state }) => state === "done")).toHaveLength(JOBS);
      }, 40_000);
      if (isInteractiveServed)
        expect((await jobs(ids)).every(({ tries }) => tries === 1)).toBe(true);
      if (waiting !== undefined) expect(contentOf(await waiting)).toBe("Blue herons wade.");
      await expectAtRest(broker);
    },
    OUTAGE_MS + 60_000,
  );
});

test("with no_capacity: reject, callers hear at once when to come back", async () => {
  gpu.setMood(told(503, "Loading model"));
  const first = await ask(broker, { key, model: "hasty" });
  expect(first.tookMs).toBeLessThan(1_500);
  expect(first.headers.get("retry-after")).not.toBeNull();
  await eventually(async () => expect(await isHealthy()).toBe(false));
  const next = await ask(broker, { key, model: "hasty" });
  expect(next.status).toBe(503);
  expect(errorOf(next)).toMatchObject({ code: "no_capacity" });
  expect(next.headers.get("retry-after")).not.toBeNull();
});
