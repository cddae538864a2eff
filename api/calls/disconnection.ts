import type { FastifyReply, FastifyRequest } from "fastify";

/** Aborts when the connection closes before the answer is complete. */
export function disconnection(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const onClose = (): void => {
    if (reply.raw.writableFinished) return;
    request.logFields.status = 499;
    gone.abort();
  };
  reply.raw.once("close", onClose);
  if (reply.raw.destroyed) onClose();
  return gone.signal;
}
