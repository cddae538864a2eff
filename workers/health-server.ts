import fastify, { LogController, type FastifyBaseLogger } from "fastify";
import type { Metrics } from "../shared/metrics/metrics.ts";
import type { RunningWorker } from "./main.ts";

export interface OperationsDeps {
  readonly host: string;
  /** With 0 the system picks a free port. */
  readonly port: number;
  readonly log: FastifyBaseLogger;
  readonly metrics: Pick<Metrics, "scrape" | "registry">;
  readonly worker: Pick<RunningWorker, "isReady">;
}

export interface Operations {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `GET /health/live`, `/health/ready` (the worker has its lease) and `/metrics` of a worker
 * process. Rejects when the address is taken.
 */
export async function startOperations(deps: OperationsDeps): Promise<Operations> {
  const { host, metrics, worker } = deps;
  const app = fastify({
    loggerInstance: deps.log,
    logController: new LogController({ disableRequestLogging: true }),
  });
  app.get("/health/live", () => ({ status: "ok" }));
  app.get("/health/ready", async (_request, reply) => {
    if (worker.isReady()) return { status: "ok" };
    return await reply.code(503).send({ status: "unavailable", reasons: ["database: no lease"] });
  });
  app.get("/metrics", async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.scrape()),
  );
  const { level } = app.log;
  app.log.level = "warn"; // The caller logs the address itself.
  await app.listen({ host, port: deps.port });
  // A connection that fails for want of file handles must not end the process.
  app.server.on("error", (error) => app.log.error({ err: error }, "the server reports"));
  app.log.level = level;
  const address = app.server.address();
  const port = typeof address === "object" && address !== null ? address.port : deps.port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    close: () => app.close(),
  };
}
