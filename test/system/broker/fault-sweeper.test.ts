import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { ask, contentOf, type Answer } from "./ask.ts";
import { expectAtRest, richKey } from "./fault-rig.ts";

let broker: TestBroker;
let key: string;
beforeAll(async () => {
  broker = await startTestBroker({
    providers: { gpu: { slots: 2, price: { input: 1, output: 1 } } },
    models: "  chat:\n    serve: [{ provider: gpu, model: m }]",
  });
  key = await richKey(broker);
});
afterAll(() => broker.stop());
afterEach(() => broker.upstreams["gpu"]?.setFault(null));

const sql = async <Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> =>
  (await broker.database.pool.query({ text, values: [...values] })).rows as Row[];

/** Takes both slots of the GPU until released. */
async function block(): Promise<() => Promise<unknown>> {
  const gpu = broker.upstreams["gpu"];
  gpu?.setFault({ type: "hang", times: 2 });
  const leave = new AbortController();
  const blockers = Array.from({ length: 2 }, () =>
    ask(broker, { key, stream: true, signal: leave.signal }).catch(() => undefined),
  );
  await eventually(() => expect(gpu?.counters().running).toBe(2));
  return () => {
    leave.abort();
    return Promise.all(blockers);
  };
}

/** Sends a request that waits, and finds its job. */
async function askAndWait(stream: boolean): Promise<{ answer: Promise<Answer>; job: string }> {
  const answer = ask(broker, { key, stream });
  const job = await eventually(async () => {
    const [row] = await sql<{ id: string }>(
      `select j.id from jobs j join bullmq.job e on e.id = j.id || '-' || j.place
       where j.state = 'waiting' and e.state = 'waiting' order by accepted_at desc`,
    );
    if (row === undefined) throw new Error("nothing waits");
    return row.id;
  });
  return { answer, job };
}

async function entriesOf(job: string): Promise<number> {
  return (await sql("select from bullmq.job where id like $1 || '-%'", [job])).length;
}

async function expectAnsweredOnce({ answer, job }: Awaited<ReturnType<typeof askAndWait>>) {
  const answered = await answer;
  expect(answered.status).toBe(200);
  expect(contentOf(answered)).toBe("tok0 tok1 tok2 tok3");
  expect(answered.headers.get("x-spillway-job-id")).toBe(job);
  expect(answered.headers.get("x-spillway-attempts")).toBe("1");
  await expectAtRest(broker);
  const { requests } = broker.upstreams["gpu"]?.counters() ?? { requests: {} };
  expect(Object.keys(requests).filter((id) => id.startsWith(job))).toEqual([`${job}.1`]);
}

test.each([false, true])(
  "a lost entry is queued again by its owner (stream: %s)",
  async (stream) => {
    const release = await block();
    const asked = await askAndWait(stream);
    await sql("delete from bullmq.job where id like $1 || '-%'", [asked.job]);
    expect(await entriesOf(asked.job)).toBe(0);
    await sql("update jobs set wake_at = now() where id = $1", [asked.job]);
    await eventually(async () => expect(await entriesOf(asked.job)).toBe(1));
    await release();
    await expectAnsweredOnce(asked);
  },
);

test("every entry lost at once: all jobs are queued again", async () => {
  const release = await block();
  const asked = Array.from({ length: 50 }, () => ask(broker, { key }));
  await eventually(async () =>
    expect(await sql("select from bullmq.job where state = 'waiting'")).toHaveLength(50),
  );
  await sql("delete from bullmq.job where state = 'waiting'");
  await sql("update jobs set wake_at = now() where state = 'waiting'");
  await release();
  for (const answer of await Promise.all(asked)) expect(answer.status).toBe(200);
  await expectAtRest(broker);
});

test.each([
  { what: "at once", delayMs: 0 },
  { what: "later", delayMs: 300 },
])("a doubled entry that comes $what runs once", async ({ delayMs }) => {
  const release = await block();
  const asked = await askAndWait(false);
  await sql(
    `insert into bullmq.job
     select (jsonb_populate_record(e, jsonb_build_object('id', e.id || '-again-' || n,
       'seq', nextval('bullmq.job_seq')))).*
     from bullmq.job e, generate_series(1, 3) as n where e.id = $1`,
    [`${asked.job}-0`],
  );
  expect(await entriesOf(asked.job)).toBe(4);
  broker.upstreams["gpu"]?.setFault(
    delayMs === 0 ? null : { type: "slow_body", bytesPerSecond: 1_000 },
  );
  await release();
  await expectAnsweredOnce(asked);
  await eventually(async () => expect(await entriesOf(asked.job)).toBe(0));
});

test("an entry that comes back after its job has ended does nothing", async () => {
  const release = await block();
  const asked = await askAndWait(false);
  const copies = await sql<{ entry: unknown }>(
    "select to_jsonb(e) as entry from bullmq.job e where id = $1",
    [`${asked.job}-0`],
  );
  await release();
  await expectAnsweredOnce(asked);
  const { calls } = broker.upstreams["gpu"]?.counters() ?? { calls: 0 };
  await sql("insert into bullmq.job select (jsonb_populate_record(null::bullmq.job, $1)).*", [
    JSON.stringify(copies[0]?.entry),
  ]);
  // The next job's entry stands behind it.
  expect((await ask(broker, { key })).status).toBe(200);
  await eventually(async () => expect(await entriesOf(asked.job)).toBe(0));
  await expectAtRest(broker);
  expect(broker.upstreams["gpu"]?.counters().calls).toBe(calls + 1);
});

test("a waiting job whose deadline nobody noticed is ended by the sweeper", async () => {
  const release = await block();
  const asked = await askAndWait(false);
  await sql("update jobs set deadline_at = now(), wake_at = now() where id = $1", [asked.job]);
  const answer = await asked.answer;
  expect(answer.status).toBe(504);
  await release();
  await expectAtRest(broker);
});

test("an attempt that its worker does not run is closed as unknown, and its job runs again", async () => {
  const release = await block();
  const asked = await askAndWait(false);
  const [worker] = await sql<{ id: string }>("select id from processes where kind = 'worker'");
  // This is the state after a claim that committed and whose answer was lost with its group.
  await sql("delete from bullmq.job where id = $1", [`${asked.job}-0`]);
  const claimed = await sql(
    `select * from claim_jobs(jsonb_build_array(jsonb_build_object('job', $1::text, 'place', 0,
       'provider', 'gpu', 'nonce', 'lost', 'worker', $2::text)))`,
    [asked.job, worker?.id],
  );
  expect(claimed).toMatchObject([{ verdict: "claimed", fence: 1 }]);
  await sql("update attempts set started_at = now() - interval '1 minute' where job_id = $1", [
    asked.job,
  ]);
  await release();
  const answer = await asked.answer;
  expect(answer.status).toBe(200);
  expect(answer.headers.get("x-spillway-attempts")).toBe("2");
  expect(
    await sql("select status, cost_nanos::integer as cost from ledger where job_id = $1", [
      asked.job,
    ]),
  ).toMatchObject([{ status: "unknown", cost: 0 }, { status: "ok" }]);
  await expectAtRest(broker);
});
