import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ask, errorOf } from "../broker/ask.ts";
import type { CommandProcess } from "../process/broker-process.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startFleet, type ApiProcess, type Fleet } from "./fleet.ts";

/** The limit is generous: a slow machine makes the test slow, and not wrong. */
const SOON_MS = 20_000;

let database: TestDatabase;
let redis: TestRedis;
let fleet: Fleet;
let api: ApiProcess;
let worker: CommandProcess;
beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startTestRedis();
  fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: { gpu: { slots: 4 } },
    models: "  chat: { serve: [{ provider: gpu, model: m }] }",
  });
  const { startApi, startWorker } = fleet.lasting;
  [api, worker] = await Promise.all([startApi(), startWorker({ SPILLWAY_PORT: "0" })]);
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
  await database.drop();
});

async function expectNoDifferences(): Promise<void> {
  await eventually(async () => expect(await findDifferences(fleet)).toEqual([]), SOON_MS);
}

/** Reads from the worker's output where it serves its health. */
function urlOf({ stdout }: Pick<CommandProcess, "stdout">): string {
  return /health at (http:\/\/127\.0\.0\.1:\d+)\n/.exec(stdout())?.[1] ?? "";
}

test("a worker with a port serves health and metrics, one without listens nowhere", async () => {
  const silent = await fleet.startWorker();
  expect(silent.stdout()).toMatch(/^Spillway worker runs\n/m);
  const url = urlOf(worker);
  const key = await fleet.key();
  await Promise.all(
    Array.from({ length: 20 }, async () => expect((await ask(api, { key })).status).toBe(200)),
  );
  for (const path of ["/health/live", "/health/ready"]) {
    const response = await fetch(`${url}${path}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "ok" });
  }
  const metrics = await fetch(`${url}/metrics`);
  expect(metrics.headers.get("content-type")).toContain("text/plain");
  expect(await metrics.text()).toMatch(/^spillway_\w+\{[^}]*provider="gpu"[^}]*\} \d/m);
  expect((await fetch(`${url}/v1/models`)).status).toBe(404);
  await expectNoDifferences();
});

async function readiness(url: string): Promise<{ status: number; reasons?: readonly string[] }> {
  const response = await fetch(`${url}/health/ready`);
  const { reasons } = (await response.json()) as { reasons?: string[] };
  return { status: response.status, ...(reasons === undefined ? {} : { reasons }) };
}

test("an API says that it is not ready while Redis is away, and why, and recovers", async () => {
  const key = await fleet.key();
  const ready = (): Promise<void> =>
    eventually(async () => expect(await readiness(api.url)).toEqual({ status: 200 }), SOON_MS);
  await ready();
  await redis.freeze();
  expect(await readiness(api.url)).toEqual({
    status: 503,
    reasons: ["queue: no answer within 1000 ms"],
  });
  await redis.thaw();
  await ready();
  await redis.kill();
  await eventually(async () => {
    expect(await readiness(api.url)).toEqual({ status: 503, reasons: ["queue: not reachable"] });
  });
  expect((await fetch(`${api.url}/health/live`)).status).toBe(200);
  const refused = await ask(api, { key });
  expect(refused.status).toBe(503);
  expect(errorOf(refused)).toMatchObject({ code: "unavailable" });
  await redis.restart();
  await ready();
  await eventually(async () => expect((await ask(api, { key })).status).toBe(200), SOON_MS);
  await expectNoDifferences();
});

test("API and worker say that they are not ready while PostgreSQL is away, and recover", async () => {
  const { hostname, port } = new URL(database.url);
  const line = await startTcpProxy(hostname, Number(port || 5432));
  onTestFinished(() => line.close());
  const env = { DATABASE_URL: line.through(database.url) };
  const [cut, cutWorker] = await Promise.all([
    fleet.startApi(env),
    fleet.startWorker({ ...env, SPILLWAY_PORT: "0" }),
  ]);
  const workerUrl = urlOf(cutWorker);
  const key = await fleet.key();
  const urls = [cut.url, workerUrl];
  const ready = (): Promise<void> =>
    eventually(async () => {
      expect(await Promise.all(urls.map(readiness))).toEqual([{ status: 200 }, { status: 200 }]);
    }, SOON_MS);
  await ready();

  line.fault = "stall";
  expect(await readiness(cut.url)).toEqual({
    status: 503,
    reasons: ["database: no answer within 1000 ms"],
  });
  line.fault = "none";
  await ready();

  line.fault = "refuse";
  line.reset();
  await eventually(async () => {
    expect(await readiness(cut.url)).toEqual({ status: 503, reasons: ["database: not reachable"] });
    expect(await readiness(workerUrl)).toEqual({ status: 503, reasons: ["database: no lease"] });
  });
  const refused = await ask(cut, { key });
  expect(refused.status).toBe(503);
  expect(errorOf(refused)).toMatchObject({ code: "unavailable" });
  line.fault = "none";
  await ready();
  await eventually(async () => expect((await ask(cut, { key })).status).toBe(200), SOON_MS);
  await expectNoDifferences();
});
