import { afterAll, beforeAll, expect, test } from "vitest";
import { createPool } from "../../../shared/db/pool.ts";
import { createMetrics } from "../../../shared/metrics/metrics.ts";
import { ProviderStates } from "../../../shared/providers/provider-states.ts";
import { type AdminServer, startAdminServer } from "../admin/admin-server.ts";
import { claimJob, jobOf, makeKey, settleJob } from "../keys/broker-database.ts";

let server: AdminServer;
beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server[Symbol.asyncDispose]());

async function scrape(): Promise<string[]> {
  const response = await fetch(`${server.address}/metrics`);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  return (await response.text()).split("\n");
}

test("/metrics shows queues, slots, health and budgets as they stand at the scrape", async () => {
  const { database } = server;
  const { key } = await makeKey(database, { budget: { limit_usd: 10, period: "day" } });
  const jobs = [1, 2, 3].map(() => jobOf(key.id, 1_000_000_000n));
  await Promise.all(jobs.map((job) => database.accept.submit(job)));
  const [first, second] = jobs;
  if (first === undefined || second === undefined) throw new Error("no jobs");
  await claimJob(database, first);
  await settleJob(database, first, 250_000_000n);
  await claimJob(database, second);
  server.providerStates.setUp("cloud", false);
  const lines = await scrape();
  expect(lines).toEqual(
    expect.arrayContaining([
      'spillway_queue_depth{provider="gpu"} 1',
      'spillway_queue_depth{provider="cloud"} 0',
      'spillway_slots{provider="gpu"} 4',
      'spillway_slots{provider="cloud"} 8',
      'spillway_in_flight{provider="gpu"} 1',
      'spillway_provider_up{provider="gpu"} 1',
      'spillway_provider_up{provider="cloud"} 0',
      "spillway_held_usd 2",
      "spillway_settled_usd 0.25",
      "spillway_database_up 1",
      'spillway_attempts_total{provider="gpu",status="failed"} 0',
    ]),
  );
  await settleJob(database, second, 0n);
  expect(await scrape()).toContain('spillway_in_flight{provider="gpu"} 0');
});

test("ended attempts and requests are counted with their times and cost", async () => {
  const providerStates = new ProviderStates([{ name: "gpu", location: "local", slots: 4 }]);
  const metrics = createMetrics({ pool: server.database.pool, providerStates });
  metrics.attemptEnded({
    provider: "gpu",
    status: "ok",
    queueMs: 40,
    ttftMs: 700,
    costNanos: 1_500_000_000n,
    overrunNanos: 0n,
  });
  metrics.attemptEnded({
    provider: "gpu",
    status: "failed",
    queueMs: 60,
    ttftMs: null,
    costNanos: 0n,
    overrunNanos: 2_000_000_000n,
  });
  metrics.requestEnded({ endpoint: "chat.completions", status: 200 });
  expect((await metrics.scrape()).split("\n")).toEqual(
    expect.arrayContaining([
      'spillway_attempts_total{provider="gpu",status="ok"} 1',
      'spillway_attempts_total{provider="gpu",status="failed"} 1',
      'spillway_attempts_total{provider="gpu",status="unknown"} 0',
      'spillway_queue_wait_seconds_bucket{le="0.05",provider="gpu"} 1',
      'spillway_queue_wait_seconds_sum{provider="gpu"} 0.1',
      'spillway_time_to_first_token_seconds_count{provider="gpu"} 1',
      'spillway_time_to_first_token_seconds_bucket{le="1",provider="gpu"} 1',
      'spillway_time_to_first_token_seconds_bucket{le="0.5",provider="gpu"} 0',
      'spillway_cost_usd_total{provider="gpu"} 1.5',
      "spillway_overrun_usd_total 2",
      'spillway_requests_total{endpoint="chat.completions",status="200"} 1',
    ]),
  );
});

test("with the database away the counters stay and the gauges go", async () => {
  const gone = createPool({
    connectionString: "postgres://postgres@127.0.0.1:1/none",
    maxConnections: 1,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  const providerStates = new ProviderStates([{ name: "gpu", location: "local", slots: 4 }]);
  const away = { value: false };
  const pool = {
    query: ((statement: string) =>
      (away.value ? gone : server.database.pool).query(statement)) as typeof gone.query,
  };
  const metrics = createMetrics({ pool, providerStates });
  metrics.requestEnded({ endpoint: "models", status: 200 });
  expect(await metrics.scrape()).toContain('spillway_slots{provider="gpu"} 4');
  away.value = true;
  const page = await metrics.scrape();
  expect(page).toContain('spillway_requests_total{endpoint="models",status="200"} 1');
  expect(page).toContain("spillway_database_up 0");
  expect(page).not.toMatch(/^spillway_(slots|queue_depth|provider_up|held_usd)[ {]/m);
  await gone.end();
});

test("two brokers in one process keep their metrics apart", () => {
  const providerStates = new ProviderStates([]);
  const [one, two] = [1, 2].map(() =>
    createMetrics({ pool: server.database.pool, providerStates }),
  );
  expect(one?.registry).not.toBe(two?.registry);
});
