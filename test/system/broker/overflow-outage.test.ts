import { afterEach, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, errorOf, eventsOf, type Answer } from "./ask.ts";
import { expectAtRest, richKey } from "./fault-rig.ts";
import { withoutRescue } from "./without-rescue.ts";

let broker: TestBroker;
afterEach(() => broker.stop());

const gpu = {
  slots: 2,
  ttftMs: 60,
  tokensPerSecond: 60,
  price: { input: 1, output: 1 },
} as const;

/** While a GPU is up, no request waits this long on any machine, so none overflows. */
const LONG = "60s";

/** If its slots are always in use, the cloud gets this many calls a second. */
const CLOUD_CALLS_A_SECOND = 32;

function start(waited = LONG): Promise<TestBroker> {
  return startTestBroker({
    providers: {
      "gpu-a": gpu,
      "gpu-b": gpu,
      cloud: { ...gpu, location: "cloud", slots: 6 },
    },
    cadences: withoutRescue,
    models: [
      "  chat:",
      "    serve: [{ provider: gpu-a, model: m }, { provider: gpu-b, model: m }]",
      "    overflow: [{ provider: cloud, model: c }]",
      `    overflow_when: { waited: ${waited} }`,
    ].join("\n"),
  });
}

/** The callers ask without a pause until `stop`; every third request is a stream. */
function load(key: string, callers: number): { stop(): Promise<Answer[]>; answered(): number } {
  const answers: Answer[] = [];
  const stopping = new AbortController();
  const caller = async (number: number): Promise<void> => {
    for (let round = 0; !stopping.signal.aborted; round += 1)
      answers.push(await ask(broker, { key, stream: (number + round) % 3 === 0, maxTokens: 8 }));
  };
  const all = Promise.all(Array.from({ length: callers }, (_, number) => caller(number)));
  return {
    answered: () => answers.length,
    stop: async () => {
      stopping.abort();
      await all;
      return answers;
    },
  };
}

/** Keeps the failures that the caller noticed although no part of the answer had been sent. */
function noticed(answers: readonly Answer[]): unknown[] {
  return answers
    .filter((answer) => {
      const begun = answer.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
      if (answer.broke) return true;
      if (answer.status !== 200) return true;
      return !begun && errorOf(answer) !== undefined;
    })
    .map(({ status, text, broke }) => ({ status, text, broke }));
}

function brokenStreams(answers: readonly Answer[]): Answer[] {
  return answers.filter(
    ({ text, headers }) =>
      headers.get("content-type")?.startsWith("text/event-stream") === true &&
      eventsOf(text).at(-1) !== "[DONE]",
  );
}

interface Count {
  readonly local: number;
  readonly cloud: number;
}

/** Counts the good answers by location, over the newest ledger rows. */
async function lastRows(count: number): Promise<Count> {
  const { rows } = await broker.database.pool.query<Count>(
    `select (count(*) filter (where location = 'local'))::integer as local,
       (count(*) filter (where location = 'cloud'))::integer as cloud
     from (select location from ledger where status = 'ok' order by id desc limit $1) as l`,
    [count],
  );
  return rows[0] ?? { local: 0, cloud: 0 };
}

test("callers notice nothing but time while every GPU is down and comes back", async () => {
  broker = await start();
  const key = await richKey(broker);
  // All slots of the cloud are in use as well, and callers wait.
  const running = load(key, 12);
  await eventually(() => expect(running.answered()).toBeGreaterThan(16), 60_000);
  expect(await lastRows(1_000)).toMatchObject({ cloud: 0 });

  await Promise.all([broker.upstreams["gpu-a"]?.close(), broker.upstreams["gpu-b"]?.close()]);
  await eventually(
    async () => expect(await lastRows(12)).toEqual({ local: 0, cloud: 12 }),
    30_000,
    50,
  );

  const cloudCalls = (): number => broker.upstreams["cloud"]?.counters().calls ?? 0;
  const callsBefore = cloudCalls();
  await Promise.all([broker.upstreams["gpu-a"]?.restart(), broker.upstreams["gpu-b"]?.restart()]);
  await eventually(
    async () => expect(await lastRows(12)).toEqual({ local: 12, cloud: 0 }),
    60_000,
    50,
  );
  expect(cloudCalls() - callsBefore).toBeLessThan(8 * CLOUD_CALLS_A_SECOND);

  const answers = await running.stop();
  expect(noticed(answers)).toEqual([]);
  // Only the streams that ran on a GPU when it died may have broken.
  expect(brokenStreams(answers).length).toBeLessThanOrEqual(4);
  await expectAtRest(broker);
});

test("while one of two GPUs is down, the other one takes all and the cloud none", async () => {
  broker = await start();
  const key = await richKey(broker);
  const running = load(key, 8);
  await eventually(() => expect(running.answered()).toBeGreaterThan(12), 60_000);
  await broker.upstreams["gpu-a"]?.close();
  const before = running.answered();
  await eventually(() => expect(running.answered()).toBeGreaterThan(before + 16), 60_000);
  await broker.upstreams["gpu-a"]?.restart();
  const callsBefore = broker.upstreams["gpu-a"]?.counters().calls ?? 0;
  await eventually(() =>
    expect(broker.upstreams["gpu-a"]?.counters().calls).toBeGreaterThan(callsBefore + 6),
  );
  const answers = await running.stop();
  expect(noticed(answers)).toEqual([]);
  expect(broker.upstreams["cloud"]?.counters().calls).toBe(0);
  await expectAtRest(broker);
});

test("a long line at the GPU that stops goes to the other one, not to the cloud", async () => {
  broker = await start("never");
  const key = await richKey(broker);
  for (const name of ["gpu-a", "gpu-b"]) broker.upstreams[name]?.setFault({ type: "hang" });
  const leave = new AbortController();
  // One statement moves at most 200 jobs: more than that wait at each GPU.
  const callers = 420;
  const asked = Array.from({ length: callers }, () =>
    ask(broker, { key, maxTokens: 1, signal: leave.signal }).catch(() => undefined),
  );
  const jobsAt = async (provider: string, ...states: readonly string[]): Promise<number> => {
    const { rows } = await broker.database.pool.query(
      "select from jobs where provider = $1 and state = any ($2)",
      [provider, states],
    );
    return rows.length;
  };
  await eventually(
    async () => {
      const accepted = await Promise.all(
        ["gpu-a", "gpu-b"].map((name) => jobsAt(name, "waiting", "running")),
      );
      expect(accepted.reduce((sum, count) => sum + count)).toBe(callers);
    },
    60_000,
    100,
  );
  expect(await jobsAt("gpu-a", "waiting")).toBeGreaterThan(200);
  broker.upstreams["gpu-b"]?.setFault(null);
  await broker.upstreams["gpu-a"]?.close();
  await eventually(async () => expect(await jobsAt("gpu-a", "waiting")).toBe(0), 60_000, 50);
  const atCloud = await jobsAt("cloud", "waiting", "running", "done");
  leave.abort();
  await Promise.all(asked);
  expect(atCloud).toBe(0);
  // Hundreds of callers have left at once, so the rest takes longer.
  await expectAtRest(broker);
});
