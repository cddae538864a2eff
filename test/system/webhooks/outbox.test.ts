import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  type BrokerDatabase,
  jobOf,
  makeKey,
  openBrokerDatabase,
} from "../keys/broker-database.ts";

let broker: BrokerDatabase;
let keyId: string;
beforeAll(async () => {
  broker = await openBrokerDatabase();
  keyId = (await makeKey(broker.database)).key.id;
  await broker.database.pool.query(
    `insert into webhook_endpoints (id, key_id, name, url, event_types, secret) values
      ('whe_1', $1, 'x', 'http://x', array['response.completed', 'response.incomplete',
        'response.failed', 'job.completed'], 'x')`,
    [keyId],
  );
});
afterAll(() => broker[Symbol.asyncDispose]());
beforeEach(async () => {
  await broker.database.pool.query("delete from webhook_deliveries; delete from webhook_events");
});

/** Inserts a running job whose end is announced. */
async function makeJob(fields: { endpoint?: string; notify?: boolean; url?: string | null } = {}) {
  const { pool } = broker.database;
  const { endpoint = "responses", notify = true, url = null } = fields;
  const { id } = jobOf(keyId, 0n);
  await pool.query(
    `insert into jobs (id, key_id, endpoint, model, class, residency, interactive, stream, owner,
       state, max_attempts, provider, target, plan, input_bound, output_bound, hold_nanos,
       period_ids, deadline_at, overflow_on_failure, wake_at, notify, webhook_url)
     values ($1, $2, $3, 'm', 1, 'any', false, false, 'api-1', 'running', 1, 'gpu', 0, '[]', 1, 1, 0,
       '{}', now(), false, now(), $4, $5)`,
    [id, keyId, endpoint, notify, url],
  );
  return id;
}

const end = (id: string, state: string, status: string | null = null) =>
  broker.database.pool.query(
    `update jobs set state = $2, ended_at = now(), response_status = $3
     where id = $1 and ended_at is null`,
    [id, state, status],
  );

async function written(): Promise<string[]> {
  const { rows } = await broker.database.pool.query<{ line: string }>(
    `select concat_ws(' ', v.type, split_part(v.object_id, '_', 1), coalesce(d.endpoint_id, d.url)) as line
     from webhook_deliveries d join webhook_events v on v.id = d.event_id order by 1`,
  );
  return rows.map(({ line }) => line);
}

test("the end of a job is told once, by its object's name and the job's", async () => {
  const id = await makeJob();
  await end(id, "done", "completed");
  await end(id, "failed");
  expect(await written()).toEqual(["job.completed job whe_1", "response.completed resp whe_1"]);
});

test.each([
  ["done", "incomplete", "response.incomplete resp whe_1"],
  ["expired", null, "response.failed resp whe_1"],
  ["cancelled", null, undefined],
])("a response that ends %s %s", async (state, status, line) => {
  await end(await makeJob(), state, status);
  const lines = await written();
  expect(lines.find((text) => text.startsWith("response"))).toBe(line);
});

test("nobody is told of a job whose caller waits on the connection", async () => {
  await end(await makeJob({ notify: false }), "done");
  expect(await written()).toEqual([]);
});

test("the request's own address is told beside the endpoints, of one event", async () => {
  await end(await makeJob({ endpoint: "chat.completions", url: "http://y/1" }), "done");
  expect(await written()).toEqual(["job.completed job http://y/1", "job.completed job whe_1"]);
  const { rows } = await broker.database.pool.query("select from webhook_events");
  expect(rows).toHaveLength(1);
});

test("an end that is rolled back tells nobody", async () => {
  const id = await makeJob();
  const client = await broker.database.pool.connect();
  await client.query("begin");
  await client.query("update jobs set state = 'done', ended_at = now() where id = $1", [id]);
  await client.query("rollback");
  client.release();
  expect(await written()).toEqual([]);
});

test("nothing that ends a job waits for one who changes the endpoints", async () => {
  const id = await makeJob();
  const client = await broker.database.pool.connect();
  await client.query("begin");
  await client.query("update webhook_endpoints set name = 'y', failing_since = now()");
  await client.query("select from keys for update");
  await end(id, "done", "completed");
  expect(await written()).toHaveLength(2);
  await client.query("rollback");
  client.release();
});
