import type { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createKeyAuth, type KeyAuth } from "../../../api/auth/key-auth.ts";
import { createPool } from "../../../shared/db/pool.ts";
import { BrokerError } from "../../../shared/errors/broker-error.ts";
import { updateKeyInput } from "../../../shared/keys/key-input.ts";
import { revokeKey } from "../../../shared/keys/revoke-key.ts";
import { updateKey } from "../../../shared/keys/update-key.ts";
import { eventually } from "../../support/eventually.ts";
import { type BrokerDatabase, makeKey, openBrokerDatabase } from "../keys/broker-database.ts";

let broker: BrokerDatabase;
beforeAll(async () => {
  broker = await openBrokerDatabase();
});
afterAll(() => broker[Symbol.asyncDispose]());

/** Records the statements that pass through the real pool. */
function watched(pool: Pool): { pool: Pick<Pool, "query">; statements: unknown[] } {
  const statements: unknown[] = [];
  const query = (statement: unknown) => {
    statements.push(statement);
    return pool.query(statement as string);
  };
  return { pool: { query: query as Pool["query"] }, statements };
}

async function errorOf(auth: KeyAuth, authorization: string | undefined): Promise<BrokerError> {
  const error = await auth.authenticate(authorization).catch((thrown: unknown) => thrown);
  if (error instanceof BrokerError) return error;
  throw new Error("the key was let in");
}

test("a key tells who calls and what it may do", async () => {
  const auth = createKeyAuth({ pool: broker.database.pool });
  const { secret, key } = await makeKey(broker.database, {
    name: "app",
    models: ["chat-small"],
    residency: "local",
    max_service_tier: "flex",
    budget: { limit_usd: 1, period: "day" },
  });
  const caller = {
    id: key.id,
    name: "app",
    models: ["chat-small"],
    residency: "local",
    maxServiceTier: "flex",
    budgeted: true,
    allowWebhookUrl: false,
  };
  expect(await auth.authenticate(`Bearer ${secret}`)).toEqual(caller);
  expect(await auth.authenticate(`bEARER   ${secret}`)).toEqual(caller);
});

test("missing, malformed, unknown, expired and revoked keys get the same answer", async () => {
  const { database } = broker;
  let time = Date.now();
  const auth = createKeyAuth({ pool: database.pool, now: () => time });
  const revoked = await makeKey(database);
  await revokeKey(database, revoked.key.id);
  const expired = await makeKey(database, { expires_at: new Date(time + 60_000).toISOString() });
  time += 60_000;
  const known = await makeKey(database);
  const wrong = [
    undefined,
    "",
    "Bearer",
    "Bearer ",
    known.secret,
    `Basic ${known.secret}`,
    `Bearer${known.secret}`,
    `Bearer ${known.secret} x`,
    `Bearer ${known.secret.slice(0, -1)}`,
    `Bearer ${known.secret.toUpperCase()}`,
    `Bearer ${known.secret}\u0000`,
    "Bearer sk-unknown",
    `Bearer ${revoked.secret}`,
    `Bearer ${expired.secret}`,
    "Bearer ' or '1'='1",
    "Bearer '; drop table keys; --",
    "Bearer %00",
    "Bearer \\x00' || pg_sleep(9)",
    `Bearer ${known.key.id}`,
    `Bearer ${known.key.hint}`,
    "Bearer schlüssel",
    "Bearer sk-\u{1f511}",
    `Bearer ${"x".repeat(1_000_000)}`,
  ];
  for (const authorization of wrong) {
    const error = await errorOf(auth, authorization);
    expect(error.status).toBe(401);
    expect(error.toJSON()).toEqual({
      error: {
        message: "Missing or incorrect API key. Send it as 'Authorization: Bearer <key>'.",
        type: "invalid_request_error",
        code: "invalid_api_key",
        param: null,
      },
    });
  }
  expect((await auth.authenticate(`Bearer ${known.secret}`)).id).toBe(known.key.id);
});

test("what cannot be a key costs no statement, and a key never appears in one", async () => {
  const { pool, statements } = watched(broker.database.pool);
  const auth = createKeyAuth({ pool });
  for (const authorization of [
    undefined,
    "Bearer ",
    "Basic abc",
    "Bearer ключ",
    `Bearer ${"x".repeat(4_090)}`,
  ])
    await errorOf(auth, authorization);
  expect(statements).toEqual([]);
  await errorOf(auth, "Bearer sk-secret'--");
  expect(statements).toHaveLength(1);
  expect(JSON.stringify(statements)).not.toContain("sk-secret");
});

test("a revoked key is refused within a second, from every process that has it cached", async () => {
  const { database } = broker;
  const { secret, key } = await makeKey(database);
  let time = 1_000_000;
  const processes = [1, 2].map(() => createKeyAuth({ pool: database.pool, now: () => time }));
  for (const auth of processes) await auth.authenticate(`Bearer ${secret}`);
  await revokeKey(database, key.id);
  time += 499;
  for (const auth of processes) await auth.authenticate(`Bearer ${secret}`);
  time += 1;
  for (const auth of processes)
    expect((await errorOf(auth, `Bearer ${secret}`)).code).toBe("invalid_api_key");
});

test("changes of a key reach its callers within half a second", async () => {
  const { database } = broker;
  const { secret, key } = await makeKey(database);
  let time = 1_000_000;
  const auth = createKeyAuth({ pool: database.pool, now: () => time });
  expect(await auth.authenticate(`Bearer ${secret}`)).toMatchObject({ budgeted: false });
  const fields = { residency: "local", budget: { limit_usd: 1, period: "day" } };
  await updateKey(database.pool, key.id, updateKeyInput.parse(fields));
  time += 500;
  expect(await auth.authenticate(`Bearer ${secret}`)).toMatchObject({
    residency: "local",
    budgeted: true,
  });
});

test("a cached key expires on time", async () => {
  const start = Date.now();
  let time = start;
  const { secret } = await makeKey(broker.database, {
    expires_at: new Date(start + 60_000).toISOString(),
  });
  time = start + 59_900;
  const { pool, statements } = watched(broker.database.pool);
  const auth = createKeyAuth({ pool, now: () => time });
  await auth.authenticate(`Bearer ${secret}`);
  time += 99;
  await auth.authenticate(`Bearer ${secret}`);
  time += 1;
  await errorOf(auth, `Bearer ${secret}`);
  expect(statements).toHaveLength(1);
});

test("lookups of one moment share a statement, and right and wrong answers are remembered", async () => {
  const keys = await Promise.all(Array.from({ length: 5 }, () => makeKey(broker.database)));
  const { pool, statements } = watched(broker.database.pool);
  const auth = createKeyAuth({ pool });
  const headers = keys.flatMap(({ secret }) => [`Bearer ${secret}`, `Bearer ${secret}`]);
  const callers = await Promise.all(headers.map((header) => auth.authenticate(header)));
  expect(callers.map((caller) => caller.id)).toEqual(keys.flatMap(({ key }) => [key.id, key.id]));
  await Promise.all([errorOf(auth, "Bearer sk-a"), errorOf(auth, "Bearer sk-b")]);
  expect(statements).toHaveLength(2);
  for (const header of headers) await auth.authenticate(header);
  await errorOf(auth, "Bearer sk-a");
  expect(statements).toHaveLength(2);
});

test("memory is bounded, and made-up keys do not push out real ones", async () => {
  const { secret } = await makeKey(broker.database);
  const { pool, statements } = watched(broker.database.pool);
  const auth = createKeyAuth({ pool, now: () => 1_000_000, maxEntries: 2 });
  await auth.authenticate(`Bearer ${secret}`);
  for (const name of ["a", "b", "c"]) await errorOf(auth, `Bearer sk-${name}`);
  expect(statements).toHaveLength(4);
  await auth.authenticate(`Bearer ${secret}`);
  await errorOf(auth, "Bearer sk-c");
  expect(statements).toHaveLength(4);
  await errorOf(auth, "Bearer sk-a");
  expect(statements).toHaveLength(5);
});

test("a lookup that hangs is not shared for longer than an answer may be kept", async () => {
  const { database } = broker;
  const { secret, key } = await makeKey(database);
  let time = 1_000_000;
  const gate = Promise.withResolvers<void>();
  let held = false;
  const query = async (statement: string) => {
    const rows = await database.pool.query(statement);
    if (!held) {
      held = true;
      await gate.promise;
    }
    return rows;
  };
  const auth = createKeyAuth({
    pool: { query: query as unknown as Pool["query"] },
    now: () => time,
  });
  const early = auth.authenticate(`Bearer ${secret}`);
  await eventually(() => expect(held).toBe(true));
  await revokeKey(database, key.id);
  time += 500;
  const late = errorOf(auth, `Bearer ${secret}`);
  gate.resolve();
  await early;
  expect((await late).code).toBe("invalid_api_key");
});

test("with the database away the answer is 503, also for a wrong key, and nothing is remembered", async () => {
  const { secret } = await makeKey(broker.database);
  const gone = createPool({
    connectionString: "postgres://postgres@127.0.0.1:1/none",
    maxConnections: 1,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  let away = true;
  const query = (statement: string) => (away ? gone : broker.database.pool).query(statement);
  const auth = createKeyAuth({ pool: { query: query as unknown as Pool["query"] } });
  const errors = await Promise.all([
    errorOf(auth, `Bearer ${secret}`),
    errorOf(auth, "Bearer sk-wrong"),
  ]);
  expect(errors.map((error) => [error.status, error.code])).toEqual([
    [503, "unavailable"],
    [503, "unavailable"],
  ]);
  away = false;
  await auth.authenticate(`Bearer ${secret}`);
  await gone.end();
});
