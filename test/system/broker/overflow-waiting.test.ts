import { afterEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, type Answer } from "./ask.ts";
import { expectAtRest, richKey } from "./fault-rig.ts";
import { withoutRescue } from "./without-rescue.ts";

let broker: TestBroker;
afterEach(() => broker.stop());

const price = { input: 1, output: 1 };
const WAITED_MS = 400;

function start(
  cloud: { readonly slots: number; readonly ttftMs: number },
  waitedMs = WAITED_MS,
): Promise<TestBroker> {
  return startTestBroker({
    providers: {
      gpu: { slots: 1, price },
      cloud: { ...cloud, location: "cloud", price },
    },
    cadences: withoutRescue,
    models: [
      "  chat:",
      "    serve: [{ provider: gpu, model: m }]",
      "    overflow: [{ provider: cloud, model: c }]",
      `    overflow_when: { waited: ${waitedMs}ms }`,
    ].join("\n"),
  });
}

/** Takes the only slot of the GPU until released. */
async function blockGpu(key: string): Promise<() => Promise<unknown>> {
  const leave = new AbortController();
  broker.upstreams["gpu"]?.setFault({ type: "hang", times: 1 });
  const blocker = ask(broker, { key, stream: true, signal: leave.signal }).catch(() => undefined);
  await eventually(() => expect(broker.upstreams["gpu"]?.counters().running).toBe(1));
  return () => {
    leave.abort();
    return blocker;
  };
}

async function jobsSoFar(): Promise<number> {
  const { rows } = await broker.database.pool.query("select from jobs");
  return rows.length;
}

/** The next question follows the acceptance of the last one, so both have the same order. */
async function askInOrder(count: number, key: string): Promise<Promise<Answer>[]> {
  const answers: Promise<Answer>[] = [];
  const before = await jobsSoFar();
  for (let number = 0; number < count; number += 1) {
    answers.push(ask(broker, { key, stream: number % 2 === 0 }));
    await eventually(async () => expect(await jobsSoFar()).toBe(before + number + 1));
  }
  return answers;
}

interface CloudRow {
  readonly job_id: string;
  readonly queue_ms: number;
}

/** The cloud's rows are in the order in which their jobs were accepted. */
async function cloudRows(): Promise<CloudRow[]> {
  const { rows } = await broker.database.pool.query<CloudRow>(
    `select l.job_id, l.queue_ms from ledger l join jobs j on j.id = l.job_id
     where l.provider = 'cloud' order by j.accepted_at`,
  );
  return rows;
}

test("what waited too long overflows, the oldest first", async () => {
  broker = await start({ slots: 1, ttftMs: 50 });
  const key = await richKey(broker);
  const release = await blockGpu(key);
  const answers = await Promise.all(await askInOrder(8, key));
  await release();
  for (const answer of answers) {
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-spillway-provider")).toBe("cloud");
    expect(answer.headers.get("x-spillway-attempts")).toBe("1");
  }
  const rows = await cloudRows();
  expect(Math.min(...rows.map((row) => row.queue_ms))).toBeGreaterThanOrEqual(WAITED_MS);
  const requests = broker.upstreams["cloud"]?.counters().requests;
  const started = Object.entries(requests ?? {}).toSorted(
    ([, a], [, b]) => a.startedAtMs - b.startedAtMs,
  );
  expect(started.map(([id]) => id)).toEqual(rows.map((row) => `${row.job_id}.1`));
  await expectAtRest(broker);
});

test("no more overflow than the cloud has free slots: the rest keeps its place at the GPU", async () => {
  broker = await start({ slots: 3, ttftMs: 2_000 });
  const key = await richKey(broker);
  const release = await blockGpu(key);
  const asked = Array.from({ length: 12 }, () => ask(broker, { key }));
  let most = 0;
  const ended = Promise.all(asked);
  const over = new AbortController();
  void ended.then(() => over.abort());
  const watching = (async () => {
    while (!over.signal.aborted) {
      const { rows } = await broker.database.pool.query(
        "select from jobs where provider = 'cloud' and state in ('waiting', 'running')",
      );
      most = Math.max(most, rows.length);
    }
  })();
  await eventually(() => expect(most).toBe(3));
  // The local provider serves the jobs that have not overflowed as soon as it has room.
  await release();
  const answers = await ended;
  await watching;
  expect(most).toBe(3);
  expect(broker.upstreams["cloud"]?.counters().highWater).toBe(3);
  const providers = answers.map((answer) => answer.headers.get("x-spillway-provider"));
  expect(providers.filter((provider) => provider === "gpu").length).toBeGreaterThanOrEqual(9);
  await expectAtRest(broker);
});

test("what did not wait too long stays at home", async () => {
  broker = await start({ slots: 4, ttftMs: 0 }, 60_000);
  const key = await richKey(broker);
  for (let round = 0; round < 5; round += 1) {
    const answers = await Promise.all(Array.from({ length: 4 }, () => ask(broker, { key })));
    for (const answer of answers) expect(answer.headers.get("x-spillway-provider")).toBe("gpu");
  }
  expect(broker.upstreams["cloud"]?.counters().calls).toBe(0);
  await expectAtRest(broker);
});
