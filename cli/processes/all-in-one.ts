import type { FastifyBaseLogger } from "fastify";
import { OwnedJobs } from "../../api/calls/owned-jobs.ts";
import { startApi, type ApiProcessDeps, type RunningApi } from "../../api/main.ts";
import type { Config } from "../../config/config.ts";
import { openDatabase } from "../../shared/db/database.ts";
import { migrate } from "../../shared/db/migrate.ts";
import { newId } from "../../shared/contracts/new-id.ts";
import { createMetrics } from "../../shared/metrics/metrics.ts";
import type { UnhandledErrorCounts } from "../../shared/metrics/unhandled-errors-counter.ts";
import type { Cadences } from "../../shared/timing/cadences.ts";
import { ProviderStates } from "../../shared/providers/provider-states.ts";
import { LocalFairOrder } from "../../shared/queue/local-fair-order.ts";
import { openQueueBackend } from "../../shared/queue/open-queue-backend.ts";
import { openProviderQueues } from "../../shared/queue/provider-queues.ts";
import { startWorker } from "../../workers/main.ts";
import { PostgresEventLog } from "../../shared/events/postgres-event-log.ts";
import { openAcceptedJobs } from "./accepted-jobs.ts";
import { localReplyPath } from "./reply-path.ts";
import { connectionLog } from "./connection-log.ts";

export interface AllInOneOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly directUrl: string;
  /** Undefined: everything inside this process, and the queues in PostgreSQL. */
  readonly redisUrl: string | undefined;
  readonly redisPrefix: string;
  readonly adminKey: string;
  readonly host: string;
  readonly port: number;
  readonly log: FastifyBaseLogger;
  readonly timings?: ApiProcessDeps["timings"];
  /** For the metrics. */
  readonly unhandledErrors?: Readonly<UnhandledErrorCounts>;
  /** For tests, whose loops need not run as often. */
  readonly cadences?: Cadences | undefined;
}

export interface AllInOne {
  readonly api: RunningApi;
  /**
   * Lets what runs end within the grace time, then closes everything but the database server.
   * Called again it changes the grace time that is left.
   */
  stop(graceMs: number): Promise<void>;
}

/** API and workers in one process, on a database that is brought up to date first. */
export async function startAllInOne(options: AllInOneOptions): Promise<AllInOne> {
  const { config, log } = options;
  const problem = connectionLog(log);
  const resources = new AsyncDisposableStack();
  try {
    await migrate(options.databaseUrl);
    const database = openDatabase({
      connectionString: options.databaseUrl,
      maxConnections: 12,
      applicationName: "spillway",
      onIdleError: problem("a database connection was lost"),
    });
    resources.defer(() => database.close());
    const backend = openQueueBackend({
      redisUrl: options.redisUrl,
      redisPrefix: options.redisPrefix,
      databaseUrl: options.directUrl,
      providers: config.providers.size,
      onError: problem("the queue reports"),
    });
    resources.defer(() => backend.close());
    await backend.prepare();
    const queues = openProviderQueues(backend, config.providers.keys());
    resources.defer(() => queues.close());

    const providerStates = new ProviderStates(config.providers.values());
    const path = localReplyPath();
    const order = new LocalFairOrder();
    const onError = problem("an accepted job was not queued yet");
    const { accepted, events, reply } = openAcceptedJobs({
      pool: database.pool,
      queues,
      order,
      owned: path.sender,
      events: new PostgresEventLog(database.pool, problem("the event log reports")),
      onError,
    });
    resources.defer(() => events.close());
    const metrics = createMetrics({
      pool: database.pool,
      providerStates,
      unhandledErrors: options.unhandledErrors,
    });
    const shared = {
      config,
      database,
      directUrl: options.directUrl,
      queues,
      providerStates,
      reply,
      accepted,
      events,
      inFleet: false,
      cadences: options.cadences,
    };
    const worker = await startWorker({
      ...shared,
      id: newId("worker"),
      stops: path.ownStops,
      backend,
      log: log.child({ part: "worker" }),
      onAttemptClosed: (attempt) => {
        metrics.attemptEnded(attempt);
      },
    });
    let workerGraceMs = 0;
    resources.defer(() => worker.stop(workerGraceMs));
    const api = await startApi({
      ...shared,
      id: newId("api"),
      replies: path.receiver,
      stops: path.stops,
      readSince: () => path.readSince(),
      jobs: new OwnedJobs(),
      metrics,
      order,
      adminKey: options.adminKey,
      host: options.host,
      port: options.port,
      log: log.child({ part: "api" }),
      ...(options.timings === undefined ? {} : { timings: options.timings }),
    });
    let closing: Promise<void> | undefined;
    return {
      api,
      async stop(graceMs) {
        // The workers run on until the API's callers have their answers.
        await api.stop(graceMs);
        workerGraceMs = 1_000;
        await (closing ??= resources.disposeAsync());
      },
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}
