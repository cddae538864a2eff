import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/** An ended request. `endpoint` is a route's pattern, never a path from outside. */
interface EndedRequest {
  readonly method: string;
  readonly endpoint: string;
  readonly status: number;
}

/**
 * Writes one log line a request, once its connection has finished and its job has ended, and then
 * calls `onEnded`.
 */
export function addRequestLog(
  app: FastifyInstance,
  onEnded: (request: EndedRequest) => void,
): void {
  app.addHook("onRequest", (request, reply, done) => {
    reply.raw.once("close", () => {
      const ms = performance.now() - request.receivedAt;
      const settled = request.logFields.work ?? Promise.resolve();
      const over = (): void => {
        write(request, reply, ms);
        onEnded({
          method: request.method,
          endpoint: request.routeOptions.url ?? "unknown",
          status: request.logFields.status ?? reply.raw.statusCode,
        });
      };
      void settled.then(over, over);
    });
    done();
  });
}

function write(request: FastifyRequest, reply: FastifyReply, ms: number): void {
  const { logFields } = request;
  request.log.info(
    {
      method: request.method,
      path: pathOf(request.url),
      status: logFields.status ?? reply.raw.statusCode,
      ms: Math.round(ms * 10) / 10,
      key: logFields.keyId,
      model: logFields.model,
      job: logFields.jobId,
      state: logFields.jobState,
      provider: logFields.provider,
      attempts: logFields.attempts,
      queue_ms: logFields.queueMs,
      cost_usd: logFields.costUsd,
      error: logFields.errorCode,
      cause: logFields.cause,
    },
    "request",
  );
}

/** Cuts the query, which may hold anything and is not logged. */
function pathOf(url: string): string {
  const end = url.indexOf("?");
  return end === -1 ? url : url.slice(0, end);
}
