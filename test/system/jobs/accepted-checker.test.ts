import { afterAll, beforeAll, expect, test } from "vitest";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { startReceiver, type Receiver } from "../webhooks/receiver.ts";
import { startJobsRig, type JobsRig } from "./jobs-rig.ts";

let rig: JobsRig;
let receiver: Receiver;
beforeAll(async () => {
  receiver = await startReceiver();
  rig = await startJobsRig("{}\nwebhooks: { allow_networks: [127.0.0.0/8] }");
});
afterAll(async () => {
  await rig.stop();
  await receiver[Symbol.asyncDispose]();
});

const wrongs = {
  "an accepted job without a request": "delete from job_requests where job_id = $1",
  "a done job without a result":
    "update job_results set body = null, events = null where job_id = $1",
  "a stored request that nobody needs": "update jobs set stored = false where id = $1",
  "a stored response without its request": "update job_requests set body = null where job_id = $1",
  "something stored of a job that is deleted, interactive or unknown":
    "update jobs set deleted_at = now() where id = $1",
  "an idempotency key that leads nowhere":
    "insert into idempotency_keys (key_id, path, idem_key, body_hash, job_id) values ('k', '/', 'a', '', $1)",
  "a job with several idempotency keys": `
    insert into idempotency_keys (key_id, path, idem_key, body_hash, job_id)
    select key_id, '/', k, '', id from jobs, (values ('a'), ('b')) as keys(k) where id = $1`,
  "an end that was not told once":
    "delete from webhook_events where type = 'job.completed' and object_id = $1",
  "an end that was told, and is not so": "update jobs set notify = false where id = $1",
  "a webhook that goes to nobody": `
    delete from webhook_deliveries where event_id in (
      select id from webhook_events where object_id = $1)`,
  "a delivery that is not what its attempts were": `
    update webhook_deliveries set attempts = attempts + 1 where event_id in (
      select id from webhook_events where object_id = $1)`,
};

test("each wrong about an accepted job is seen, and nothing else is", async () => {
  const client = rig.client();
  await client.webhooks.create({
    name: "all",
    url: `${receiver.address}/hook`,
    event_types: ["job.completed", "response.completed"] as never,
  });
  const { id } = await client.responses.create({ model: "chat", input: "Hi", background: true });
  await eventually(() => expect(receiver.received.length).toBe(2));
  await eventually(async () => expect(await findDifferences(rig.broker)).toEqual([]));
  const job = id.replace("resp_", "job_");
  const { pool } = rig.broker.database;
  for (const [what, wrong] of Object.entries(wrongs)) {
    const connection = await pool.connect();
    try {
      await connection.query("begin");
      const { rowCount } = await connection.query(wrong, [job]);
      expect({ what, rowCount }).not.toEqual({ what, rowCount: 0 });
      const database = { ...rig.broker.database, pool: connection as never };
      const found = await findDifferences({ ...rig.broker, database });
      expect(found.map((line) => line.slice(0, what.length))).toContain(what);
    } finally {
      await connection.query("rollback");
      connection.release();
    }
  }
  await rig.settleDown();
});
