import type { FastifyReply } from "fastify";

/** Returns a signal that aborts when the connection closes before the answer is complete. */
export function disconnection(reply: FastifyReply): AbortSignal {
  const disconnected = new AbortController();
  const onClose = (): void => {
    if (reply.raw.writableFinished) return;
    reply.request.logFields.status = 499;
    disconnected.abort();
  };
  reply.raw.once("close", onClose);
  if (reply.raw.destroyed) onClose();
  return disconnected.signal;
}

/** Calls `act` once when the signal aborts, or immediately if it already has. */
export function whenAborted(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}
