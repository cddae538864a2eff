import OpenAI, { toFile } from "openai";
import type { Client } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { migrate } from "../../../shared/db/migrate.ts";
import { newWebhookSecret } from "../../../shared/webhooks/rotate-secret.ts";
import { webhookEventTypes } from "../../../shared/webhooks/event-types.ts";
import { lines } from "../batches/batch-rig.ts";
import { expectTold } from "../failpoints/expect-told.ts";
import { startFleet, type Fleet } from "../fleet/fleet.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestRedis } from "../../support/redis.ts";
import { startReceiver, type Receiver } from "../webhooks/receiver.ts";
import {
  type BareDatabase,
  functionTexts,
  oldDatabase,
  oldMigrationNames,
  recordOldMigrations,
} from "./schema-rig.ts";

/** Starts a fleet on a database of the old migrations, with the functions that they made. */
async function fleetOn(old: BareDatabase): Promise<{ fleet: Fleet; hooks: Receiver }> {
  const redis = await startTestRedis();
  onTestFinished(() => redis.stop());
  const hooks = await startReceiver();
  onTestFinished(() => hooks[Symbol.asyncDispose]());
  const oldFunctions = await functionTexts(old.client);
  await migrate(old.url);
  for (const text of Object.values(oldFunctions)) await old.client.query(text);
  const fleet = await startFleet({
    databaseUrl: old.url,
    redisUrl: redis.url,
    providers: { gpu: { slots: 2 } },
    models: `  chat: { serve: [{ provider: gpu, model: m }], max_attempts: 5 }
webhooks: { allow_networks: [127.0.0.0/8] }`,
  });
  onTestFinished(() => fleet.stop());
  return { fleet, hooks };
}

/** Makes a key with a budget, and an endpoint for all its webhooks; returns a client by URL. */
async function makeCaller({ client }: BareDatabase, fleet: Fleet, hooks: Receiver) {
  const apiKey = await fleet.key({ budget: { limit_usd: "500", period: "total" } });
  await client.query(
    `insert into webhook_endpoints (id, key_id, name, url, event_types, secret)
     select 'whe_all', id, 'all', $1, $2, $3 from keys`,
    [hooks.address, [...webhookEventTypes], newWebhookSecret()],
  );
  return (baseURL: string) => new OpenAI({ apiKey, baseURL, maxRetries: 0 });
}

async function submitBatch(caller: OpenAI, count: number): Promise<string> {
  const file = await toFile(Buffer.from(`${lines(count).join("\n")}\n`), "lines.jsonl");
  const { id } = await caller.batches.create({
    input_file_id: (await caller.files.create({ file, purpose: "batch" })).id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  return id;
}

async function submitJob(caller: OpenAI, key?: string): Promise<void> {
  await caller.chat.completions.create(
    { model: "chat", messages: [{ role: "user", content: "Hello" }], max_tokens: 8 },
    {
      headers: {
        prefer: "respond-async",
        ...(key === undefined ? {} : { "idempotency-key": key }),
      },
    },
  );
}

async function countByState(client: Client, table: string): Promise<Record<string, number>> {
  const { rows } = await client.query<{ state: string; count: number }>(
    `select state, count(*)::integer as count from ${table} group by state`,
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

/** The tables that record migrations are left out. */
async function allRows(client: Client): Promise<Record<string, unknown>> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select relname as name from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace and relname not like 'spillway%'`,
  );
  const found: Record<string, unknown> = {};
  for (const { name } of tables) {
    const { rows } = await client.query(`select t::text as row from ${name} as t order by 1`);
    found[name] = rows;
  }
  return found;
}

test("work that an old version left in all states goes on after the migration, and is told", async () => {
  const old = await oldDatabase();
  const { fleet, hooks } = await fleetOn(old);
  const callerAt = await makeCaller(old, fleet, hooks);
  hooks.answer = () => ({ status: 500 });
  const [api, worker] = await Promise.all([fleet.startApi(), fleet.startWorker()]);
  const caller = callerAt(api.baseUrl);
  const isState = (table: string, states: Record<string, number>): Promise<void> =>
    eventually(async () => expect(await countByState(old.client, table)).toEqual(states), 30_000);

  await submitJob(caller);
  await submitBatch(caller, 3);
  await isState("batches", { completed: 1 });
  fleet.upstreams["gpu"]?.setFault({ type: "hang" });
  for (const key of ["one", "two", undefined]) await submitJob(caller, key);
  await isState("jobs", { done: 4, running: 2, waiting: 1 });
  await caller.responses.create({ model: "chat", input: "Hello", background: true });
  const cancelled = await submitBatch(caller, 2);
  await submitBatch(caller, 4);
  await caller.batches.cancel(cancelled);
  await isState("batches", { completed: 1, in_progress: 1, cancelled: 1 });
  await caller.uploads.create({
    filename: "part.jsonl",
    purpose: "batch",
    mime_type: "application/jsonl",
    bytes: 10,
  });
  for (const one of [api, worker]) {
    one.child.kill("SIGKILL");
    await one.ended;
  }
  await eventually(async () => {
    const { rowCount } = await old.client.query(
      "select from pg_stat_activity where application_name like 'spillway%' and datname = current_database()",
    );
    expect(rowCount).toBe(0);
  });

  await recordOldMigrations(old.client, await oldMigrationNames());
  const before = await allRows(old.client);
  expect(await countByState(old.client, "jobs")).toMatchObject({ done: 4, running: 2 });
  for (const table of ["attempts", "batch_lines", "idempotency_keys", "ledger", "uploads"])
    expect(before[table]).not.toEqual([]);
  expect(await countByState(old.client, "webhook_deliveries")).toMatchObject({
    pending: expect.any(Number),
  });
  expect(await migrate(old.url)).toMatchObject({ tables: ["0012_comments"] });
  expect(await allRows(old.client)).toEqual(before);

  fleet.upstreams["gpu"]?.setFault(null);
  hooks.answer = () => ({ status: 204 });
  await Promise.all([fleet.startApi(), fleet.startWorker()]);
  await isState("batches", { completed: 2, cancelled: 1 });
  await eventually(async () => expect(await findDifferences(fleet)).toEqual([]), 30_000);
  expect(await countByState(old.client, "jobs")).toMatchObject({ done: 12 });
  await expectTold({ database: fleet.database, hooks });
});
