import { rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { createKey } from "./admin.ts";
import { type BrokerProcess, serveUntil, startBroker } from "./broker-process.ts";
import { killPostgres, lookInto, postmasterOf, usedDataDir } from "./data-dir.ts";
import { chat, inFlight, startUpstreams, type Upstreams, writeConfig } from "./own-config.ts";

const STARTED_AGAIN = "PostgreSQL had ended and was started again";

interface Service {
  readonly broker: BrokerProcess;
  readonly dataDir: string;
  readonly upstreams: Upstreams;
  readonly key: string;
}

interface Loaded extends Service {
  readonly answers: Promise<PromiseSettledResult<Awaited<ReturnType<typeof chat>>>[]>;
  /** Counts from the load's start how often the broker has started PostgreSQL again. */
  restarts(): number;
}

const resources = new AsyncDisposableStack();
afterAll(() => resources.disposeAsync());
const atEnd = resources.defer.bind(resources);

/** A broker outlives the loss of its sessions or of its database, so the next test uses it, too. */
let running: Promise<Service> | undefined;

async function startService(): Promise<Service> {
  const dataDir = await usedDataDir(atEnd);
  const pace = { ttftMs: 300, tokensPerSecond: 20, outputTokens: 10 };
  const upstreams = await startUpstreams(pace, atEnd);
  const broker = await startBroker(
    { SPILLWAY_DATA_DIR: dataDir, SPILLWAY_CONFIG: await writeConfig(dataDir, upstreams) },
    serveUntil(atEnd),
  );
  const budget = { limit_usd: "1", period: "total" };
  const { key } = await createKey(broker, { name: "budgeted", budget });
  return { broker, dataDir, upstreams, key };
}

/** Loads the broker with 20 requests, 16 of which fill every slot. */
async function startLoaded(): Promise<Loaded> {
  const service = await (running ??= startService());
  const { broker, upstreams, key } = service;
  const restarts = (): number => broker.stdout().split(STARTED_AGAIN).length - 1;
  const restartsBefore = restarts();
  const answers = Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      chat(broker.url, key, { stream: index % 2 === 0, max_tokens: 10 }),
    ),
  );
  await eventually(() => expect(inFlight(upstreams)).toBeGreaterThanOrEqual(8));
  return { ...service, answers, restarts: () => restarts() - restartsBefore };
}

/** The service is back, every caller got an end, and the ledger agrees with the upstreams. */
async function expectRecovery({ broker, dataDir, upstreams, key, answers }: Loaded) {
  await eventually(async () => {
    const answer = await chat(broker.url, key, { max_tokens: 2 });
    expect(answer.status).toBe(200);
  });
  for (const answer of await answers) {
    if (answer.status === "rejected") throw answer.reason;
    const { status, text } = answer.value;
    const whole = status === 200 && (text.startsWith("{") || text.endsWith("data: [DONE]\n\n"));
    // An answer that is not whole has an error, in the status or in the stream.
    if (!whole) expect(text).toContain('"error":');
  }
  const database = lookInto(dataDir);
  await eventually(
    async () => {
      expect(await findDifferences({ database, upstreams })).toEqual([]);
    },
    30_000,
    200,
  );
}

async function expectOrderlyEnd({ broker, dataDir }: Service): Promise<void> {
  running = undefined;
  broker.child.kill("SIGTERM");
  expect(await broker.ended).toMatchObject({ code: 0, signal: null });
  expect(postmasterOf(dataDir)).toBeUndefined();
}

describe.runIf(process.platform === "linux")("while requests run", () => {
  test("a PostgreSQL that is killed is started again, and service returns by itself", async () => {
    const loaded = await startLoaded();
    const postmaster = postmasterOf(loaded.dataDir) ?? 0;
    await killPostgres(postmaster);
    await eventually(() => expect(loaded.restarts()).toBe(1));
    expect(postmasterOf(loaded.dataDir)).not.toBe(postmaster);
    await expectRecovery(loaded);
  });

  test("a PostgreSQL whose first process alone is killed is started again, too", async () => {
    const loaded = await startLoaded();
    process.kill(postmasterOf(loaded.dataDir) ?? 0, "SIGKILL");
    await eventually(() => expect(loaded.restarts()).toBe(1));
    await expectRecovery(loaded);
  });

  test("a PostgreSQL that somebody stops is started again, too", async () => {
    const loaded = await startLoaded();
    // SIGINT is PostgreSQL's fast shutdown.
    process.kill(postmasterOf(loaded.dataDir) ?? 0, "SIGINT");
    await eventually(() => expect(loaded.restarts()).toBe(1));
    await expectRecovery(loaded);
  });

  test("ended sessions are made again, and nobody else may begin meanwhile", async () => {
    const loaded = await startLoaded();
    const { pool } = lookInto(loaded.dataDir);
    const { rowCount } = await pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where backend_type = 'client backend' and pid <> pg_backend_pid()
         and application_name <> 'test-look'`,
    );
    expect(rowCount).toBeGreaterThan(3);
    await eventually(async () => {
      const { rows } = await pool.query(
        "select 1 from pg_stat_activity where application_name = 'spillway-instance'",
      );
      expect(rows).toHaveLength(1);
    });
    await expectRecovery(loaded);
    await expectOrderlyEnd(loaded);
  });

  test("a PostgreSQL that cannot be had again ends the broker, with a sentence", async () => {
    const { broker, dataDir, answers } = await startLoaded();
    const postmaster = postmasterOf(dataDir) ?? 0;
    await rename(join(dataDir, "postgres", "data"), join(dataDir, "postgres", "moved"));
    await killPostgres(postmaster);
    const ended = await broker.ended;
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/^spillway: PostgreSQL did not start/);
    expect(ended.stderr).not.toMatch(/\n +at /);
    for (const answer of await answers)
      if (answer.status === "fulfilled") expect(answer.value.text).not.toBe("");
  });
});
