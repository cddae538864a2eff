import { createServer } from "node:net";
import { once } from "node:events";
import { Client } from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Counters } from "../../../cli/simulate/counters.ts";
import { ask } from "../broker/ask.ts";
import { runCommand, startBroker, type Ended } from "../process/broker-process.ts";
import { temporaryDataDir } from "../process/data-dir.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startFleet, type ApiProcess, type Fleet } from "./fleet.ts";

let database: TestDatabase;
let redis: TestRedis;
/** Clients need its certificate and its password. */
let safe: TestRedis;
let fleet: Fleet;
beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startTestRedis();
  safe = await startTestRedis({ tls: true, password: "right" });
  fleet = await startFleetOn(database, redis);
});
afterAll(async () => {
  await fleet.stop();
  await safe.stop();
  await redis.stop();
  await database.drop();
});

function startFleetOn(on: TestDatabase, { url }: Pick<TestRedis, "url">): Promise<Fleet> {
  return startFleet({
    databaseUrl: on.url,
    redisUrl: url,
    providers: { gpu: { slots: 4 } },
    models: "  chat: { serve: [{ provider: gpu, model: m }] }",
  });
}

/** The database belongs to this test, and may have no tables yet. */
async function testDatabase(migrated: boolean): Promise<TestDatabase> {
  const made = await createTestDatabase();
  onTestFinished(() => made.drop());
  if (migrated) return made;
  const client = new Client({ connectionString: made.url });
  await client.connect();
  await client.query("drop schema public cascade; create schema public");
  await client.end();
  return made;
}

async function testRedis(options: Parameters<typeof startTestRedis>[0]): Promise<TestRedis> {
  const made = await startTestRedis(options);
  onTestFinished(() => made.stop());
  return made;
}

function without(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(fleet.env).filter(([name]) => !names.includes(name)));
}

const COMMANDS = ["api", "worker"] as const;
type Command = (typeof COMMANDS)[number];

/** Both commands, or those given, end with this one sentence; only log lines may come before it. */
async function expectRefused(
  env: Readonly<Record<string, string>>,
  sentence: string | RegExp,
  { cwd, commands = COMMANDS }: { cwd?: string; commands?: readonly Command[] } = {},
): Promise<void> {
  const ended = await Promise.all(
    commands.map((name) => runCommand([name], { SPILLWAY_PORT: "0", ...env }, cwd)),
  );
  for (const { code, signal, stdout, stderr } of ended) {
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stdout).toMatch(/^(\{.*\}\n)*$/);
    expect(stderr).toMatch(/^spillway: [^\n]+\n$/);
    if (typeof sentence === "string") expect(stderr).toBe(`spillway: ${sentence}\n`);
    else expect(stderr).toMatch(sentence);
  }
}

test("api and worker refuse to start without REDIS_URL", async () => {
  await expectRefused(
    without("REDIS_URL"),
    "REDIS_URL is not set; without it, `spillway serve` runs all in one process",
  );
});

test("api and worker refuse to start without DATABASE_URL", async () => {
  await expectRefused(
    without("DATABASE_URL"),
    "DATABASE_URL is not set; without it, `spillway serve` runs all in one process",
  );
});

test("api and worker refuse to start without a configuration file", async () => {
  await expectRefused(
    without("SPILLWAY_CONFIG"),
    "there is no ./spillway.yaml, and SPILLWAY_CONFIG names no other file",
    { cwd: await temporaryDataDir() },
  );
});

test("api and worker refuse to start on a database that is not migrated", async () => {
  const { url } = await testDatabase(false);
  await expectRefused({ ...fleet.env, DATABASE_URL: url }, /migrations.*run `spillway migrate`/);
});

test("a worker, which reads its options as an API does, refuses a database that cannot be reached", async () => {
  await expectRefused(
    { ...fleet.env, DATABASE_URL: "postgres://me:secret@127.0.0.1:1/db" },
    "the database of DATABASE_URL cannot be used: connect ECONNREFUSED 127.0.0.1:1",
    { commands: ["worker"] },
  );
});

test("api and worker refuse to start on a Redis that evicts keys", async () => {
  const { url } = await testRedis({ maxMemoryPolicy: "allkeys-lru" });
  await expectRefused(
    { ...fleet.env, REDIS_URL: url },
    /maxmemory-policy allkeys-lru.*set maxmemory-policy to noeviction/,
  );
});

function expectRedisRefused(redisUrl: string, why: string): Promise<void> {
  const sentence = new RegExp(`^spillway: the Redis of REDIS_URL cannot be used: ${why}`);
  return expectRefused({ ...fleet.env, REDIS_URL: redisUrl }, sentence, { commands: ["api"] });
}

test("an API, which opens Redis as a worker does, refuses one that does not let them in, or is not there", async () => {
  const { url } = await testRedis({ password: "right" });
  await Promise.all([
    // Redis can refuse in two ways; the moment decides which error comes first.
    expectRedisRefused(url.replace(":right@", ":wrong@"), "(WRONGPASS|NOAUTH)"),
    expectRedisRefused(url.replace(":right@", ""), "NOAUTH"),
    expectRedisRefused(safe.url, "self-signed certificate"),
    expectRedisRefused("redis://127.0.0.1:1", "connect ECONNREFUSED 127.0.0.1:1"),
  ]);
});

test("api and worker refuse to start on a port that another program has", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await once(other, "listening");
  const address = other.address();
  const port = typeof address === "object" ? String(address?.port) : "";
  await expectRefused(
    { ...fleet.env, SPILLWAY_PORT: port },
    `port ${port} of 127.0.0.1 is taken by another program; set SPILLWAY_PORT to another port, or to 0 for any free one`,
  );
});

async function serveEnv(databaseUrl: string): Promise<Record<string, string>> {
  return {
    ...without("REDIS_URL"),
    DATABASE_URL: databaseUrl,
    SPILLWAY_DATA_DIR: await temporaryDataDir(),
    SPILLWAY_PORT: "0",
  };
}

async function expectServeRefused(databaseUrl: string): Promise<void> {
  const refused = await runCommand(["serve"], await serveEnv(databaseUrl));
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(
    /^spillway: another Spillway runs on the database of DATABASE_URL[^\n]*\n$/,
  );
}

function onSafe(prefix: string): Record<string, string> {
  return {
    REDIS_URL: safe.url,
    NODE_EXTRA_CA_CERTS: safe.caFile ?? "",
    SPILLWAY_REDIS_PREFIX: prefix,
  };
}

let begun: Promise<ApiProcess> | undefined;
/** The API of an installation that gets its worker later. */
function apiOfOne(): Promise<ApiProcess> {
  return (begun ??= fleet.lasting.startApi(onSafe("one")));
}

test("a fleet's processes and a broker in one process do not share a database", async () => {
  const databases = await Promise.all([1, 2].map(() => testDatabase(true)));
  const [ofBroker = "", ofWorker = ""] = databases.map(({ url }) => url);
  const broker = await startBroker(await serveEnv(ofBroker));
  await Promise.all([
    expectRefused(
      { ...fleet.env, DATABASE_URL: ofBroker },
      "a `spillway serve` runs alone on this database; stop it first",
    ),
    apiOfOne().then(() => expectServeRefused(database.url)),
    fleet.startWorker({ DATABASE_URL: ofWorker }).then(() => expectServeRefused(ofWorker)),
  ]);
  expect((await fetch(`${broker.url}/health/ready`)).status).toBe(200);

  broker.child.kill("SIGTERM");
  expect(await broker.ended).toMatchObject({ code: 0 });
  await fleet.startApi({ DATABASE_URL: ofBroker });
});

interface Installation {
  readonly own: Fleet;
  readonly api: ApiProcess;
  readonly key: string;
}

async function startWithApi(
  own: Fleet,
  prefix: string,
  api: Promise<ApiProcess>,
): Promise<Installation> {
  await Promise.all([api, own.lasting.startWorker(onSafe(prefix))]);
  return { own, api: await api, key: await own.key() };
}

let started: Promise<Installation> | undefined;
/** Two tests use this installation. */
function one(): Promise<Installation> {
  return (started ??= startWithApi(fleet, "one", apiOfOne()));
}

function callsOf({ own }: Installation): Pick<Counters, "calls" | "ok"> | undefined {
  const counters = own.upstreams["gpu"]?.counters();
  return counters && { calls: counters.calls, ok: counters.ok };
}

test("api and worker run on a Redis with TLS and a password", async () => {
  const { api, key } = await one();
  expect((await ask(api, { key })).status).toBe(200);
  await eventually(async () => expect(await findDifferences(fleet)).toEqual([]));
});

test("two installations with prefixes of their own do not meet on one Redis", async () => {
  const own = await startFleetOn(await testDatabase(true), safe);
  onTestFinished(() => own.stop());
  const installations = await Promise.all([
    one(),
    startWithApi(own, "two", own.lasting.startApi(onSafe("two"))),
  ]);
  const counted = installations.map(callsOf);
  expect(counted.at(-1)).toEqual({ calls: 0, ok: 0 });
  await Promise.all(
    installations.flatMap(({ api, key }) =>
      Array.from({ length: 10 }, async () => expect((await ask(api, { key })).status).toBe(200)),
    ),
  );
  for (const [index, installation] of installations.entries()) {
    const { calls = 0, ok = 0 } = counted[index] ?? {};
    expect(callsOf(installation)).toEqual({ calls: calls + 10, ok: ok + 10 });
    await eventually(async () => expect(await findDifferences(installation.own)).toEqual([]));
  }
  const names = await safe.client().keys("*");
  const prefixes = names.map((name) => /^\{?(\w+):/.exec(name)?.[1] ?? name);
  expect([...new Set(prefixes)].toSorted()).toEqual(["one", "two"]);
});

test("migrate runs twice, and twice at once", async () => {
  const { url } = await testDatabase(false);
  const migrate = (): Promise<Ended> => runCommand(["migrate"], { DATABASE_URL: url });
  const both = await Promise.all([migrate(), migrate()]);
  const again = await migrate();
  for (const { code, stderr } of [...both, again])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const upToDate = "The database is up to date.\n";
  expect(again.stdout).toBe(upToDate);
  expect(both.filter(({ stdout }) => stdout === upToDate)).toHaveLength(1);
  expect(
    both.filter(({ stdout }) => /ran 0001_keys, .*; changed \d+ of its functions/.test(stdout)),
  ).toHaveLength(1);
});

test("migrate says what is missing", async () => {
  const ended = await runCommand(["migrate"]);
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(/^spillway: DATABASE_URL is not set[^\n]*\n$/);
});
