import { afterAll, beforeAll, expect, test } from "vitest";
import { getKey } from "../../../shared/keys/get-key.ts";
import { revokeKey } from "../../../shared/keys/revoke-key.ts";
import {
  type BrokerDatabase,
  claimJob,
  jobOf,
  makeKey,
  openBrokerDatabase,
  settleJob,
} from "./broker-database.ts";

let broker: BrokerDatabase;
beforeAll(async () => {
  broker = await openBrokerDatabase();
});
afterAll(() => broker[Symbol.asyncDispose]());

test("revoking ends the waiting jobs and their holds; the running one goes on to its ledger row", async () => {
  const { database } = broker;
  const { key } = await makeKey(database, { budget: { limit_usd: "1", period: "total" } });
  const other = await makeKey(database);
  const running = jobOf(key.id, 1_000n);
  // The number is more than one page.
  const waiting = Array.from({ length: 600 }, () => jobOf(key.id, 1_000n));
  const foreign = jobOf(other.key.id, 1n);
  await Promise.all([running, ...waiting, foreign].map((job) => database.accept.submit(job)));
  await claimJob(database, running);

  const notices: string[] = [];
  const ended = await revokeKey(database, key.id, {
    notify(owner, job, notice) {
      notices.push(`${owner} ${job} ${notice.type}`);
      return Promise.resolve(true);
    },
  });
  expect(ended).toBe(600);
  expect(new Set(notices)).toEqual(new Set(waiting.map((job) => `api-1 ${job.id} end`)));
  const states = await database.pool.query(
    "select key_id, state, error_code, count(*) from jobs group by 1, 2, 3 order by 2",
  );
  expect(states.rows).toEqual([
    { key_id: key.id, state: "cancelled", error_code: "revoked", count: 600n },
    { key_id: key.id, state: "running", error_code: null, count: 1n },
    { key_id: other.key.id, state: "waiting", error_code: null, count: 1n },
  ]);
  const view = await getKey(database.pool, key.id);
  expect(view?.budget?.held_usd).toBe("0.000001");
  expect(view?.revoked_at).not.toBeNull();

  await settleJob(database, running, 700n);
  expect((await getKey(database.pool, key.id))?.budget).toMatchObject({
    held_usd: "0",
    settled_usd: "0.0000007",
  });
  const ledger = await database.pool.query("select status from ledger where key_id = $1", [key.id]);
  expect(ledger.rows).toEqual([{ status: "ok" }]);
});

test("revoking again keeps the first time; an unknown key is told apart", async () => {
  const { database } = broker;
  const { key } = await makeKey(database);
  expect(await revokeKey(database, key.id)).toBe(0);
  const first = (await getKey(database.pool, key.id))?.revoked_at;
  expect(await revokeKey(database, key.id)).toBe(0);
  expect((await getKey(database.pool, key.id))?.revoked_at).toBe(first);
  expect(await revokeKey(database, "key_nobody")).toBeUndefined();
});

test("a revoked key gets no job accepted, at once", async () => {
  const { database } = broker;
  const { key } = await makeKey(database);
  await revokeKey(database, key.id);
  expect((await database.accept.submit(jobOf(key.id, 0n))).verdict).toBe("key");
});
