import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

/** Writes one line a request, when its connection is done with it and its job has ended. */
export function addRequestLog(app: FastifyInstance): void {
  app.addHook("onRequest", (request, reply, done) => {
    reply.raw.once("close", () => {
      const ms = performance.now() - request.receivedAt;
      const settled = request.facts.work ?? Promise.resolve();
      void settled.then(
        () => write(request, reply, ms),
        () => write(request, reply, ms),
      );
    });
    done();
  });
}

function write(request: FastifyRequest, reply: FastifyReply, ms: number): void {
  const { facts } = request;
  request.log.info(
    {
      method: request.method,
      path: pathOf(request.url),
      status: facts.status ?? reply.raw.statusCode,
      ms: Math.round(ms * 10) / 10,
      key: facts.keyId,
      model: facts.model,
      job: facts.jobId,
      state: facts.jobState,
      provider: facts.provider,
      attempts: facts.attempts,
      queue_ms: facts.queueMs,
      cost_usd: facts.costUsd,
      error: facts.errorCode,
    },
    "request",
  );
}

/** A query may hold anything; it is not logged. */
function pathOf(url: string): string {
  const end = url.indexOf("?");
  return end === -1 ? url : url.slice(0, end);
}
