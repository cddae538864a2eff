import type { FastifyInstance } from "fastify";
import { ProcessLease } from "../shared/db/process-lease.ts";
import type { Metrics } from "../shared/metrics/metrics.ts";
import type { ReplyReceiver, ReplySender } from "../shared/reply/reply-hub.ts";
import { registerAdmin } from "./admin/register-admin.ts";
import { registerMetrics } from "./admin/metrics-route.ts";
import { buildApi, type ApiDeps } from "./app.ts";
import { createKeyAuth } from "./auth/key-auth.ts";
import { OwnedJobs } from "./inference/owned-jobs.ts";

export interface ApiProcessDeps extends Pick<
  ApiDeps,
  "config" | "log" | "queues" | "stops" | "board" | "order" | "heartbeatMs"
> {
  readonly database: ApiDeps["database"];
  /** Not through a pooler: the lease session lives on it. */
  readonly directUrl: string;
  readonly reply: ReplyReceiver & ReplySender;
  readonly metrics: Metrics;
  readonly adminKey: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface RunningApi {
  readonly url: string;
  readonly port: number;
  /**
   * Takes no new requests, lets running ones end within the grace time, cancels the rest. Called
   * again it changes the grace time that is left.
   */
  stop(graceMs: number): Promise<void>;
}

/** How long an API process may be without its lease before its jobs are given up. */
const LEASE_PATIENCE_MS = 2_000;

/** Composes an API process and starts it. Rejects when the address is taken. */
export async function startApi(deps: ApiProcessDeps): Promise<RunningApi> {
  const { database, log, reply, board, metrics } = deps;
  const jobs = new OwnedJobs();
  let giveUp: NodeJS.Timeout | undefined;
  const lease = new ProcessLease({
    directUrl: deps.directUrl,
    kind: "api",
    onHeld: () => {
      clearTimeout(giveUp);
    },
    onLost: (error) => {
      log.error({ err: error }, "API lease lost");
      clearTimeout(giveUp);
      giveUp = setTimeout(() => {
        jobs.stopAll("owner_lost");
      }, LEASE_PATIENCE_MS);
    },
  });
  await lease.start();
  let app: FastifyInstance;
  try {
    app = await buildApi({
      ...deps,
      replies: reply,
      jobs,
      keyAuth: createKeyAuth({ pool: database.pool }),
      owner: lease.id,
      registerAdmin: registerAdmin({ database, adminKey: deps.adminKey, board, reply }),
      registerMetrics: registerMetrics({ metrics }),
      onRequestEnded: (request) => {
        metrics.requestEnded(request);
      },
    });
    const { level } = app.log;
    app.log.level = "warn"; // who starts this says where it listens, once and in plain words
    await app.listen({ host: deps.host, port: deps.port });
    app.log.level = level;
  } catch (error) {
    await lease.stop();
    throw error;
  }
  let graceTimer: NodeJS.Timeout | undefined;
  let stopping: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await app.close();
    await jobs.whenEmpty();
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
