import type { FastifyInstance } from "fastify";
import type { Metrics } from "../../shared/metrics/metrics.ts";

export interface MetricsDeps {
  readonly metrics: Pick<Metrics, "registry" | "scrape">;
}

/** `GET /metrics` answers Prometheus, and everybody who reaches the port. */
export function addMetrics(app: FastifyInstance, { metrics }: MetricsDeps): void {
  app.get("/metrics", async (_request, response) => {
    response.type(metrics.registry.contentType);
    return await metrics.scrape();
  });
}
