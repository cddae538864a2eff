import { openAcceptedJobs } from "../../../cli/processes/accepted-jobs.ts";
import { PostgresEventLog } from "../../../shared/events/postgres-event-log.ts";
import { Writable } from "node:stream";
import { pino } from "pino";
import { buildApi } from "../../../api/app.ts";
import { createKeyAuth } from "../../../api/auth/key-auth.ts";
import type { CallTimings } from "../../../api/calls/call-timings.ts";
import { QueueBacklog } from "../../../api/calls/queue-backlog.ts";
import { OwnedJobs } from "../../../api/calls/owned-jobs.ts";
import type { Config } from "../../../config/config.ts";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { findEnded } from "../../../shared/jobs/find-ended.ts";
import { syncProviders } from "../../../shared/providers/sync-providers.ts";
import { createKey } from "../../../shared/keys/create-key.ts";
import { createKeyInput } from "../../../shared/keys/key-input.ts";
import { createMetrics } from "../../../shared/metrics/metrics.ts";
import { ProviderStates } from "../../../shared/providers/provider-states.ts";
import { LocalFairOrder } from "../../../shared/queue/local-fair-order.ts";
import { LocalReplyHub } from "../../../shared/replies/local-replies.ts";
import { LocalStopRequests } from "../../../shared/replies/stop-requests.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { cuttableConnection } from "./cuttable-connection.ts";
import { HandWorker } from "./hand-worker.ts";
import { MemoryQueues } from "./memory-queues.ts";
import { testConfig } from "../../support/test-config.ts";

export interface ApiServerOptions {
  readonly server?: Partial<Config["server"]>;
  readonly timings?: Partial<CallTimings>;
}

interface JobRow {
  readonly id: string;
  readonly state: string;
  readonly error_code: string | null;
  readonly cancel_reason: string | null;
  readonly class: number;
  readonly residency: string;
  readonly hold_nanos: bigint;
  readonly input_bound: number;
  readonly output_bound: number;
}

/** Starts the whole HTTP API on a free port, over a database of its own and queues in memory. */
export async function startApi({ server, timings = {} }: ApiServerOptions = {}) {
  const config = testConfig(server);
  const { url, drop } = await createTestDatabase();
  const connection = await cuttableConnection(url);
  const database: Database = openDatabase({
    connectionString: connection.url,
    maxConnections: 4,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  const providers = [...config.providers.values()];
  await syncProviders(database.pool, providers);
  const queues = new MemoryQueues();
  const hub = new LocalReplyHub();
  const stops = new LocalStopRequests();
  const providerStates = new ProviderStates(providers);
  const jobs = new OwnedJobs();
  const logged: Record<string, unknown>[] = [];
  const waitingForLog: (() => void)[] = [];
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      logged.push(JSON.parse(line.toString()) as Record<string, unknown>);
      for (const wake of waitingForLog.splice(0)) wake();
      done();
    },
  });
  const order = new LocalFairOrder();
  const events = new PostgresEventLog(database.pool, () => undefined);
  const { accepted } = openAcceptedJobs({
    pool: database.pool,
    queues,
    order,
    owned: hub,
    events,
    onError: () => undefined,
  });
  const app = await buildApi({
    config,
    log: pino({}, sink),
    database,
    queues,
    replies: hub,
    stops,
    providerStates,
    order,
    accepted,
    events,
    jobs,
    backlog: new QueueBacklog(() => config.server.queueLimitBytes),
    findEnded: (asked) => findEnded(database.pool, asked),
    keyAuth: createKeyAuth({ pool: database.pool }),
    owner: "api-test",
    reply: hub,
    adminKey: "sk-admin-test",
    metrics: createMetrics({ pool: database.pool, providerStates }),
    activity: { signal: () => undefined },
    timings,
  });
  const address = await app.listen({ host: "127.0.0.1", port: 0 });
  const makeKey = async (fields: Record<string, unknown> = {}): Promise<string> =>
    (await createKey(database.pool, createKeyInput.parse({ name: "test", ...fields }))).secret;
  const key = await makeKey();

  return {
    address,
    app,
    providerStates,
    database,
    hub,
    jobs,
    key,
    logged,
    makeKey,
    queues,
    worker: new HandWorker({ database, queues, hub, stops }),
    get: (path: string): Promise<Response> =>
      fetch(address + path, { headers: { authorization: `Bearer ${key}` } }),
    post(path: string, body: unknown, init: RequestInit = {}): Promise<Response> {
      const raw = typeof body === "string" || body instanceof Blob;
      return fetch(address + path, {
        method: "POST",
        ...init,
        headers: {
          authorization: `Bearer ${key}`,
          "content-type": "application/json",
          ...(init.headers as Record<string, string> | undefined),
        },
        body: raw ? body : JSON.stringify(body),
      });
    },
    async jobRows(): Promise<JobRow[]> {
      return (await database.pool.query<JobRow>("select * from jobs order by id")).rows;
    },
    /** Sums the held and the settled money over all budget periods. */
    async budgets(): Promise<{ held: bigint; settled: bigint }> {
      const { rows } = await database.pool.query<{ held: string; settled: string }>(
        "select coalesce(sum(held_nanos), 0)::text as held, coalesce(sum(settled_nanos), 0)::text as settled from budget_periods",
      );
      return { held: BigInt(rows[0]?.held ?? 0), settled: BigInt(rows[0]?.settled ?? 0) };
    },
    /** Resolves with the log line of the request that passes the test, once it is written. */
    async logLine(
      test: (line: Record<string, unknown>) => boolean,
    ): Promise<Record<string, unknown>> {
      for (;;) {
        const found = logged.find((line) => line["msg"] === "request" && test(line));
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waitingForLog.push(resolve));
      }
    },
    /** Nothing reaches the database after this call. */
    loseDatabase: () => connection.cut(),
    async [Symbol.asyncDispose]() {
      jobs.shutDown();
      await app.close();
      await database.close();
      await connection.cut();
      await drop();
    },
  };
}

export type ApiServer = Awaited<ReturnType<typeof startApi>>;
