import { pino } from "pino";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startApiProcess } from "../../../cli/processes/api.ts";
import type { ProcessOptions } from "../../../cli/processes/process-options.ts";
import { startWorkerProcess } from "../../../cli/processes/worker.ts";
import { startAllInOne } from "../../../cli/processes/all-in-one.ts";
import { loadConfig } from "../../../config/load-config.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import {
  type Failure,
  failDependencies,
  type FailingDependencies,
} from "./failing-dependencies.ts";
import { startFleet, type Fleet } from "./fleet.ts";

/** Each start takes a tenth of a second, so only every 13th call is tested; 1 tests them all. */
const EVERY = Number(process.env["FAILING_STARTS_EVERY"] ?? 13);
vi.setConfig({ testTimeout: 120_000 + 400_000 / EVERY });

let database: TestDatabase;
let redis: TestRedis;
let fleet: Fleet;
let options: ProcessOptions;
let dependencies: FailingDependencies;
let unhandled: unknown[];
const record = (error: unknown): void => void unhandled.push(error);

beforeAll(async () => {
  unhandled = [];
  database = await createTestDatabase();
  redis = await startTestRedis();
  fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: { gpu: { slots: 2 } },
    models: "  chat: { serve: [{ provider: gpu, model: m }] }",
  });
  options = {
    config: loadConfig(fleet.env["SPILLWAY_CONFIG"] ?? "", () => undefined),
    databaseUrl: database.url,
    directUrl: database.url,
    redisUrl: redis.url,
    redisPrefix: "failing",
    log: pino({ level: "silent" }),
  };
  await redis.client().ping();
  process.on("unhandledRejection", record).on("uncaughtException", record);
  dependencies = failDependencies();
});
afterAll(async () => {
  dependencies.restore();
  process.off("unhandledRejection", record).off("uncaughtException", record);
  await fleet.stop();
  await redis.stop();
  await database.drop();
});

interface Started {
  stop(graceMs: number): Promise<void>;
}
const listen = { host: "127.0.0.1", port: 0 };
const starts: Readonly<Record<string, () => Promise<Started>>> = {
  api: () => startApiProcess({ ...options, ...listen, adminKey: "sk-admin-test" }),
  worker: () => startWorkerProcess({ ...options, listen }),
  serve: () =>
    startAllInOne({ ...options, ...listen, redisUrl: undefined, adminKey: "sk-admin-test" }),
};

/**
 * A process leaves neither a session nor a connection to Redis. Its row may stay: without a lock it
 * is that of a dead process, which every sweep removes.
 */
async function leavesNothing(): Promise<void> {
  const { pool } = fleet.database;
  const { rows } = await pool.query<{ name: string }>(
    `select application_name as name from pg_stat_activity
     where application_name like 'spillway%' and datname = current_database()`,
  );
  expect(rows).toEqual([]);
  const clients = String(await redis.client().client("LIST"));
  expect(clients.trim().split("\n")).toHaveLength(1);
}

test.each(
  Object.keys(starts).flatMap((name) => (["breaks", "refuses"] as const).map((how) => [name, how])),
)(
  "%s: each call that %s at its start ends it with a message, or is outlived",
  async (name, how) => {
    const outcomes = { failed: 0, started: 0 };
    for (let nth = 1; ; nth += EVERY) {
      dependencies.arm(nth, how as Failure);
      const started = await (starts[name] ?? starts["api"])?.().catch((error: unknown) => error);
      const reached = dependencies.disarm();
      if (started instanceof Error) {
        expect(started.message).not.toBe("");
        outcomes.failed += 1;
      } else {
        await (started as Started).stop(0);
        outcomes.started += 1;
      }
      await eventually(leavesNothing);
      await fleet.database.pool.query("delete from processes");
      expect({ reached, unhandled }).toEqual({ reached, unhandled: [] });
      if (reached === undefined) break;
    }
    expect(outcomes.started).toBeGreaterThan(0);
    // The order of calls decides which of them a start needs; among all calls there are some.
    if (EVERY === 1) expect(outcomes.failed).toBeGreaterThan(0);
    if (process.env["FAILING_STARTS_EVERY"] !== undefined) console.log(name, how, outcomes);
  },
);
