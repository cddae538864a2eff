import type { FastifyInstance } from "fastify";
import { warnOfClockSkew } from "../shared/db/clock-skew.ts";
import { countProcesses } from "../shared/processes/fleet-processes.ts";
import { findEnded } from "../shared/jobs/find-ended.ts";
import { ProcessLease } from "../shared/processes/process-lease.ts";
import { readHealth } from "../shared/providers/provider-health.ts";
import { recordHeld } from "../shared/jobs/lost-jobs.ts";
import { expireAccepted } from "../shared/jobs/due-jobs.ts";
import type { Activity } from "../shared/timing/activity.ts";
import {
  aloneIdleCadences,
  cadences as usualCadences,
  fleetIdleCadences,
  type Cadences,
} from "../shared/timing/cadences.ts";
import { startLoops } from "../shared/timing/loops.ts";
import { within } from "../shared/timing/within.ts";
import { buildApi, type ApiDeps } from "./app.ts";
import { createKeyAuth } from "./auth/key-auth.ts";
import { EndedWatch, type EndedWatchDeps } from "./calls/ended-watch.ts";
import { QueueBacklog } from "./calls/queue-backlog.ts";

export interface ApiProcessDeps extends Pick<
  ApiDeps,
  | "config"
  | "log"
  | "queues"
  | "stops"
  | "providerStates"
  | "order"
  | "jobs"
  | "accepted"
  | "events"
  | "timings"
  | "replies"
  | "reply"
  | "metrics"
  | "adminKey"
> {
  /** This process's name in the fleet. */
  readonly id: string;
  /** True when there are other processes, on Redis. */
  readonly inFleet: boolean;
  readonly database: ApiDeps["database"];
  /** Leads past any pooler, since the lease session lives on it. */
  readonly directUrl: string;
  /** Everything that was in the inbox at this time (`performance.now()`) has been handed over. */
  readonly readSince: () => number;
  readonly host: string;
  /** The port; 0 takes a free one. */
  readonly port: number;
  readonly activity: Activity;
  readonly cadences?: Cadences | undefined;
}

export interface RunningApi {
  readonly url: string;
  readonly port: number;
  /**
   * Takes no new requests, lets running ones end within the grace time, and cancels the rest. A
   * later call changes the grace time that is left.
   */
  stop(graceMs: number): Promise<void>;
}

/** An API process may be without its lease for this long. After that its jobs are given up. */
const LEASE_PATIENCE_MS = 2_000;
const EXPIRE_PAGE = 1_000;
const DRAIN_MS = 2_000;

/** Composes an API process and starts it. Rejects when the address is taken. */
export async function startApi(deps: ApiProcessDeps): Promise<RunningApi> {
  const { database, log, providerStates, jobs, activity } = deps;
  let giveUp: NodeJS.Timeout | undefined;
  const lease = new ProcessLease({
    directUrl: deps.directUrl,
    id: deps.id,
    kind: "api",
    inFleet: deps.inFleet,
    onHeld: async ({ id }) => {
      clearTimeout(giveUp);
      await recordHeld(database.pool, id);
    },
    onLost: (error) => {
      log.error({ err: error }, "API lease lost");
      clearTimeout(giveUp);
      giveUp = setTimeout(() => {
        jobs.stopAll("owner_lost");
      }, LEASE_PATIENCE_MS);
    },
  });
  const ended: EndedWatchDeps["findEnded"] = (asked) => findEnded(database.pool, asked);
  const watch = new EndedWatch({
    jobs: () => jobs.all(),
    findEnded: ended,
    readSince: deps.readSince,
    now: () => performance.now(),
  });
  let apis = 1;
  /** Does the same as the sweepers. It counts when all workers are down. */
  const expire = async (): Promise<void> => {
    for (const job of await expireAccepted(database.pool, EXPIRE_PAGE)) deps.events.announce(job);
  };
  await warnOfClockSkew(database.pool, log);
  await lease.start();
  let app: FastifyInstance;
  try {
    app = await buildApi({
      ...deps,
      backlog: new QueueBacklog(() => deps.config.server.queueLimitBytes / apis, {
        providers: deps.config.providers.size,
      }),
      findEnded: ended,
      keyAuth: createKeyAuth({ pool: database.pool }),
      owner: lease.id,
    });
    const { level } = app.log;
    app.log.level = "warn"; // who starts this says where it listens, once and in plain words
    await app.listen({ host: deps.host, port: deps.port });
    // When a connection cannot be taken, for lack of file handles, that is no reason to end.
    app.server.on("error", (error) => app.log.error({ err: error }, "the server reports"));
    app.log.level = level;
  } catch (error) {
    await lease.stop();
    throw error;
  }
  const readFleet = async (): Promise<void> => {
    providerStates.apply(await readHealth(database.pool));
    if (deps.inFleet) apis = await countProcesses(database.pool, "api");
  };
  const loops = startLoops(
    [
      ["fleet", "reading the fleet's state", readFleet, () => !providerStates.areUp],
      ["expire", "ending late jobs", expire],
      ["ended", "looking for ended jobs", () => watch.look()],
    ],
    {
      cadences: deps.cadences ?? usualCadences,
      idleCadences: deps.inFleet ? fleetIdleCadences : aloneIdleCadences,
      activity,
      log,
    },
  );
  let graceTimer: NodeJS.Timeout | undefined;
  let stopping: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await app.close();
    await jobs.whenEmpty();
    // Jobs of callers who have just disconnected may still be ending.
    await within(DRAIN_MS, database.end.drain());
    await loops.stop();
    clearTimeout(graceTimer);
    clearTimeout(giveUp);
    await lease.stop();
  };
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : deps.port;
  return {
    url: `http://${deps.host.includes(":") ? `[${deps.host}]` : deps.host}:${port}`,
    port,
    async stop(graceMs) {
      clearTimeout(graceTimer);
      graceTimer = setTimeout(() => {
        jobs.shutDown();
      }, graceMs);
      await (stopping ??= close());
    },
  };
}
