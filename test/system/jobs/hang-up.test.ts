import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startJobsRig, type JobsRig } from "./jobs-rig.ts";

let rig: JobsRig;
beforeAll(async () => {
  rig = await startJobsRig();
});
afterAll(async () => {
  await rig.settleDown();
  await rig.stop();
});

const body = { model: "once", input: "Hi" };
const lastJob = async () => {
  const { rows } = await rig.broker.database.pool.query<{
    id: string;
    state: string;
    error_code: string | null;
  }>("select id, state, error_code from jobs order by id desc limit 1");
  return rows[0];
};

test.each([false, true])("hanging up on a response stops it (stream: %s)", async (stream) => {
  const leave = new AbortController();
  const asked = rig
    .ask("/responses", { body: { ...body, stream }, signal: leave.signal })
    .catch(() => "gone");
  const call = await rig.played.next();
  call.chunk("Blue");
  leave.abort();
  expect(await asked).toBe("gone");
  await call.closed;
  await eventually(async () =>
    expect(await lastJob()).toMatchObject({ state: "cancelled", error_code: "disconnect" }),
  );
  const job = await lastJob();
  const view = await rig.json<object>(`/responses/resp_${job?.id.slice(4)}`);
  expect(view).toMatchObject({ status: "cancelled", error: null });
});

test("a client that times out and tries again pays for one answer", async () => {
  // Python's package does not send its time-out in this header.
  const defaultHeaders = { "x-stainless-timeout": null };
  const client = rig.client().withOptions({ defaultHeaders, maxRetries: 1, timeout: 1_500 });
  const { count } = rig.played;
  const asked = client.responses.create(body);
  const first = await rig.played.next();
  await first.closed;
  (await rig.played.next()).say("café");
  expect((await asked).output_text).toBe("café");
  expect(rig.played.count).toBe(count + 2);
});

test("one that waits is stopped before it is sent", async () => {
  const blocking = rig.ask("/responses", { body: { ...body, model: "one" } });
  const blocker = await rig.played.next();
  const leave = new AbortController();
  const asked = rig
    .ask("/responses", { body: { ...body, model: "one" }, signal: leave.signal })
    .catch(() => "gone");
  await eventually(async () => expect((await lastJob())?.state).toBe("waiting"));
  const count = rig.played.count;
  leave.abort();
  await asked;
  await eventually(async () => expect((await lastJob())?.state).toBe("cancelled"));
  blocker.say("x");
  expect((await blocking).status).toBe(200);
  expect(rig.played.count).toBe(count);
});

test("one whose API process has died is given up, unless that comes back", async () => {
  const { pool } = rig.broker.database;
  const asked = rig.ask("/responses", { body });
  const call = await rig.played.next();
  const job = await lastJob();
  const lost = async (): Promise<boolean | undefined> => {
    const { rows } = await pool.query<{ lost: boolean; waiter: string }>(
      "select lost_at is not null as lost, waiter from jobs where id = $1",
      [job?.id],
    );
    return rows[0]?.lost;
  };
  const ofWaiter = (act: string): Promise<unknown> =>
    pool.query(`select ${act} from jobs where id = $1`, [job?.id]);
  // A living process cancels its lost job itself.
  await ofWaiter("record_lost_jobs(id, waiter)");
  expect(await lost()).toBe(false);
  await ofWaiter("record_lost_jobs(null, waiter)");
  expect(await lost()).toBe(true);
  await ofWaiter("record_held_jobs(waiter)");
  expect(await lost()).toBe(false);
  await ofWaiter("record_lost_jobs(null, waiter)");
  await pool.query("update jobs set lost_at = now() - interval '1 min' where id = $1", [job?.id]);
  await call.closed;
  await eventually(async () =>
    expect(await lastJob()).toMatchObject({ state: "cancelled", error_code: "disconnect" }),
  );
  await asked;
});

test.each([
  ["in the background", { background: true, stream: true }, {}],
  ["with a key to come again under", { stream: true }, { "idempotency-key": "again" }],
])("one %s goes on", async (_what, fields, headers) => {
  const leave = new AbortController();
  const asked = rig
    .ask("/responses", { body: { ...body, ...fields }, headers, signal: leave.signal })
    .catch(() => "gone");
  const call = await rig.played.next();
  leave.abort();
  expect(await asked).toBe("gone");
  call.say("café");
  await eventually(async () => expect((await lastJob())?.state).toBe("done"));
});

test("the openai package's abort stops a stream", async () => {
  const asked = rig.client().responses.create({ ...body, stream: true });
  const call = await rig.played.next();
  call.chunk("Blue");
  for await (const event of await asked) if (event.type === "response.output_text.delta") break;
  await call.closed;
  await eventually(async () => expect((await lastJob())?.state).toBe("cancelled"));
});
