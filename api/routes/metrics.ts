import type { FastifyInstance } from "fastify";
import type { Metrics } from "../../shared/metrics/metrics.ts";

/** The plugin with `GET /metrics`, open to whoever reaches the port. */
export function registerMetrics(deps: {
  readonly metrics: Pick<Metrics, "registry" | "scrape">;
}): (app: FastifyInstance) => Promise<void> {
  return (app) => {
    app.get("/metrics", async (_request, response) => {
      response.type(deps.metrics.registry.contentType);
      return await deps.metrics.scrape();
    });
    return Promise.resolve();
  };
}
