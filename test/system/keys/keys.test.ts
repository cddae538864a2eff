import { afterAll, beforeAll, expect, test } from "vitest";
import { getKey } from "../../../shared/keys/get-key.ts";
import { updateKeyInput } from "../../../shared/keys/key-input.ts";
import { hashSecret } from "../../../shared/keys/key-secret.ts";
import { listKeys } from "../../../shared/keys/list-keys.ts";
import { updateKey } from "../../../shared/keys/update-key.ts";
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

const update = (id: string, fields: Record<string, unknown>) =>
  updateKey(broker.database.pool, id, updateKeyInput.parse(fields));
const change = async (id: string, fields: Record<string, unknown>) =>
  (await update(id, fields))?.key;
const read = (id: string) => getKey(broker.database.pool, id);
const USD = 1_000_000_000n;

test("a new key can be read back, and only its hash and last characters are stored", async () => {
  const { secret, key } = await makeKey(broker.database, {
    name: "Robert'); drop table keys;--",
    models: ["chat-small", "it's"],
    residency: "local",
    max_service_tier: "flex",
    expires_at: "2999-01-01T00:00:00+01:00",
  });
  expect(secret).toMatch(/^sk-[\w-]{43}$/);
  expect(key).toEqual({
    id: expect.stringMatching(/^key_[0-9a-f]{32}$/),
    object: "key",
    name: "Robert'); drop table keys;--",
    hint: secret.slice(-4),
    models: ["chat-small", "it's"],
    residency: "local",
    max_service_tier: "flex",
    allow_webhook_url: false,
    budget: null,
    expires_at: "2998-12-31T23:00:00.000Z",
    revoked_at: null,
    created_at: expect.any(String),
  });
  expect(await read(key.id)).toEqual(key);
  const stored = await broker.database.pool.query("select * from keys where id = $1", [key.id]);
  expect(JSON.stringify(stored.rows)).not.toContain(secret.slice(3, -4));
  expect(stored.rows[0]).toMatchObject({ hash: hashSecret(secret) });
});

test("a budget shows what is held and settled, and starts with both of its periods", async () => {
  const { database } = broker;
  const { key } = await makeKey(database, { budget: { limit_usd: "2.5", period: "month" } });
  const periods = await database.pool.query(
    "select 1 from budget_periods p join budgets b on b.id = p.budget_id where b.key_id = $1",
    [key.id],
  );
  expect(periods.rowCount).toBe(2);
  const job = jobOf(key.id, USD);
  expect((await database.accept.submit(job)).verdict).toBe("accepted");
  expect((await read(key.id))?.budget).toMatchObject({ held_usd: "1", settled_usd: "0" });
  await claimJob(database, job);
  await settleJob(database, job, 1n);
  expect((await read(key.id))?.budget).toMatchObject({
    limit_usd: "2.5",
    period: "month",
    held_usd: "0",
    settled_usd: "0.000000001",
  });
});

test("budgets reset at midnight, on Monday and on the first, in UTC, whatever the session's zone", async () => {
  const client = await broker.database.pool.connect();
  try {
    await client.query("set timezone = 'Pacific/Kiritimati'");
    const expected = {
      day: (now: Date) => Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1),
      week: (now: Date) =>
        Date.UTC(
          now.getUTCFullYear(),
          now.getUTCMonth(),
          now.getUTCDate() + 7 - ((now.getUTCDay() + 6) % 7),
        ),
      month: (now: Date) => Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1),
    };
    for (const period of ["day", "week", "month"] as const) {
      const { key } = await makeKey(broker.database, { budget: { limit_usd: 1, period } });
      const opened = (await getKey(client, key.id))?.budget?.resets_at;
      await broker.database.pool.query(
        "delete from budget_periods where budget_id = (select id from budgets where key_id = $1)",
        [key.id],
      );
      const unopened = (await getKey(client, key.id))?.budget;
      expect(opened).toBe(new Date(expected[period](new Date())).toISOString());
      expect(unopened).toMatchObject({ resets_at: opened, settled_usd: "0", held_usd: "0" });
    }
    const { key } = await makeKey(broker.database, { budget: { limit_usd: 1, period: "total" } });
    expect((await getKey(client, key.id))?.budget?.resets_at).toBeNull();
  } finally {
    client.release(true);
  }
});

test("a limit may fall below what is held: running jobs settle, new ones wait for a higher one", async () => {
  const { database } = broker;
  const { key } = await makeKey(database, { budget: { limit_usd: 3, period: "day" } });
  const job = jobOf(key.id, 2n * USD);
  await database.accept.submit(job);
  await claimJob(database, job);
  expect((await change(key.id, { budget: { limit_usd: "1" } }))?.budget).toMatchObject({
    limit_usd: "1",
    held_usd: "2",
  });
  const refused = await database.accept.submit(jobOf(key.id, 1n));
  expect(refused).toMatchObject({ verdict: "budget", limit_nanos: USD, free_nanos: -USD });
  await settleJob(database, job, 2n * USD);
  await change(key.id, { budget: { limit_usd: "3.5" } });
  expect((await database.accept.submit(jobOf(key.id, (3n * USD) / 2n))).verdict).toBe("accepted");
  expect((await database.accept.submit(jobOf(key.id, 1n))).verdict).toBe("budget");
  const next = await database.pool.query(
    `select p.limit_nanos from budget_periods p join budgets b on b.id = p.budget_id
     where b.key_id = $1 and p.starts_at > now()`,
    [key.id],
  );
  expect(next.rows).toEqual([{ limit_nanos: (7n * USD) / 2n }]);
});

test("another period counts from zero, and what ran before is charged where it was held", async () => {
  const { database } = broker;
  const { key } = await makeKey(database, { budget: { limit_usd: 1, period: "day" } });
  const job = jobOf(key.id, USD);
  await database.accept.submit(job);
  const monthly = await change(key.id, { budget: { period: "month" } });
  expect(monthly?.budget).toMatchObject({ period: "month", limit_usd: "1", held_usd: "0" });
  await claimJob(database, job);
  await settleJob(database, job, USD);
  expect((await read(key.id))?.budget).toMatchObject({ settled_usd: "0", held_usd: "0" });
  expect((await change(key.id, { budget: { period: "day", limit_usd: 5 } }))?.budget).toMatchObject(
    { limit_usd: "5", settled_usd: "1", held_usd: "0" },
  );
  expect((await database.accept.submit(jobOf(key.id, 4n * USD))).verdict).toBe("accepted");
});

test("a budget can be set later and removed; half of a new one is refused by name", async () => {
  const { database } = broker;
  const { key } = await makeKey(database);
  await expect(change(key.id, { budget: { limit_usd: 1 } })).rejects.toMatchObject({
    code: "invalid_request",
    param: "budget.period",
  });
  await expect(
    change(key.id, { name: "not this either", budget: { period: "day" } }),
  ).rejects.toMatchObject({ param: "budget.limit_usd" });
  expect((await read(key.id))?.name).toBe("test");
  await change(key.id, { budget: { limit_usd: 0, period: "total" } });
  expect((await database.accept.submit(jobOf(key.id, 1n))).verdict).toBe("budget");
  expect((await change(key.id, { budget: null }))?.budget).toBeNull();
  expect((await database.accept.submit(jobOf(key.id, 1n))).verdict).toBe("accepted");
});

test("an update changes the given fields only", async () => {
  const { key } = await makeKey(broker.database, {
    models: ["a"],
    residency: "local",
    expires_at: "2999-01-01T00:00:00Z",
    budget: { limit_usd: 7, period: "week" },
  });
  expect(await change(key.id, { name: "new" })).toEqual({ ...key, name: "new" });
  expect(
    await change(key.id, { models: null, expires_at: null, max_service_tier: "default" }),
  ).toEqual({
    ...key,
    name: "new",
    models: null,
    expires_at: null,
    max_service_tier: "default",
  });
  expect(await change("key_nobody", { name: "new" })).toBeUndefined();
});

test("limits changed while jobs are accepted and settled side by side keep the sums right", async () => {
  const { database } = broker;
  const { key } = await makeKey(database, { budget: { limit_usd: 1000, period: "day" } });
  const jobs = Array.from({ length: 60 }, () => jobOf(key.id, USD));
  const work = jobs.map(async (job) => {
    const { verdict } = await database.accept.submit(job);
    if (verdict !== "accepted") return;
    await claimJob(database, job);
    await settleJob(database, job, USD / 2n);
  });
  const changes = [900, 800, 700, 600].map((limit) =>
    change(key.id, { budget: { limit_usd: limit } }),
  );
  await Promise.all([...work, ...changes]);
  expect((await read(key.id))?.budget).toMatchObject({ settled_usd: "30", held_usd: "0" });
});

test("keys are listed newest first, page by page, each once", async () => {
  await using own = await openBrokerDatabase();
  const made: string[] = [];
  for (let count = 0; count < 5; count++) made.unshift((await makeKey(own.database)).key.id);
  const seen: string[] = [];
  for (let hasMore = true; hasMore;) {
    const page = await listKeys(own.database.pool, { limit: 2, after: seen.at(-1) });
    seen.push(...page.keys.map((key) => key.id));
    hasMore = page.hasMore;
  }
  // Ids sort by time to the millisecond.
  expect(seen).toEqual(made.toSorted().toReversed());
});

test("the permission to name a webhook_url comes with a signing secret, shown once", async () => {
  const { key, webhookSecret } = await makeKey(broker.database, { allow_webhook_url: true });
  expect(webhookSecret).toMatch(/^whsec_/);
  expect(JSON.stringify(await read(key.id))).not.toContain(webhookSecret);
  const kept = await update(key.id, { allow_webhook_url: true });
  expect(kept).toMatchObject({ key: { allow_webhook_url: true }, webhookSecret: undefined });
  const taken = await update(key.id, { allow_webhook_url: false });
  expect(taken).toMatchObject({ key: { allow_webhook_url: false }, webhookSecret: undefined });
  const again = await update(key.id, { allow_webhook_url: true });
  expect(again?.webhookSecret).toMatch(/^whsec_/);
  expect(again?.webhookSecret).not.toBe(webhookSecret);
});
