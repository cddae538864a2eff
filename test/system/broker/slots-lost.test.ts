import { afterEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, contentOf, eventsOf, type Answer } from "./ask.ts";
import { expectAtRest, richKey } from "./fault-rig.ts";

let broker: TestBroker;
afterEach(() => broker.stop());

const SLOTS = 4;

function start(): Promise<TestBroker> {
  return startTestBroker({
    providers: {
      gpu: {
        slots: 400,
        brokerSlots: SLOTS,
        ttftMs: 100,
        tokensPerSecond: 50,
        price: { input: 1, output: 1 },
      },
    },
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]\n    max_attempts: 5",
  });
}

/** Ends the broker's database sessions with a name like this, and returns their number. */
async function terminate(name: string): Promise<number> {
  const { rows } = await broker.database.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name like $1
       and application_name <> 'test-look' and pid <> pg_backend_pid()`,
    [name],
  );
  return rows.length;
}

function isWhole({ status, text, headers }: Answer): boolean {
  const stream = headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  return status === 200 && (!stream || eventsOf(text).at(-1) === "[DONE]");
}

test.each([
  { what: "the worker's lease session", name: "spillway-worker-lease" },
  { what: "every database session", name: "%" },
])("$what is lost under load: jobs go on, and never with more than the slots", async ({ name }) => {
  broker = await start();
  const key = await richKey(broker);
  const gpu = broker.upstreams["gpu"];
  const asked = Array.from({ length: 40 }, (_, number) =>
    ask(broker, { key, stream: number % 4 === 0, maxTokens: 6 }),
  );
  for (const calls of [6, 16]) {
    await eventually(() => expect(gpu?.counters().calls).toBeGreaterThan(calls));
    expect(await terminate(name)).toBeGreaterThan(0);
  }
  const answers = await Promise.all(asked);
  const bad = answers.filter((answer) => !isWhole(answer));
  // Only an answer that had begun to arrive may break, and it says so.
  for (const answer of bad) {
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('"error"');
  }
  expect(bad.length).toBeLessThanOrEqual(2 * SLOTS);
  for (const answer of answers.filter(isWhole))
    expect(contentOf(answer)).toBe("tok0 tok1 tok2 tok3 tok4 tok5");
  await expectAtRest(broker);
  expect(gpu?.counters().highWater).toBe(SLOTS);
});
