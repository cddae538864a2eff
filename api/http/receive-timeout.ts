import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { answerClientError } from "./client-error.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route takes bodies that are too large for the time that other requests have. */
    upload?: boolean;
  }
}

export interface ReceiveLimits {
  /** A request must have come in whole by then. */
  readonly receiveMs?: number;
  /** An upload in place of that: how long it may be silent, */
  readonly uploadIdleMs?: number;
  /** and how long it may take in all. */
  readonly uploadMs?: number;
  /** How long the rest of a request is still taken, and thrown away, once it is answered. */
  readonly lingerMs?: number;
}

/** How often a silent upload is looked at within the time that it may be silent. */
const LOOKS = 4;

/**
 * Lets no slow sender hold a connection for ever: a request that does not come in within its time is
 * answered with 408 and its connection closed. In place of the server's own `requestTimeout`, which
 * knows no uploads. To be registered after the facts of a request.
 */
export function limitReceiving(app: FastifyInstance, limits: ReceiveLimits = {}): void {
  const { receiveMs = 120_000, lingerMs = 5_000 } = limits;
  const { uploadIdleMs = 60_000, uploadMs = 3_600_000 } = limits;

  app.addHook("onRequest", (request, reply, done) => {
    if (hasBody(request)) {
      const stop =
        request.routeOptions.config.upload === true
          ? cutWhenIdle(request, reply, uploadIdleMs, uploadMs)
          : cutAfter(request, reply, receiveMs);
      request.raw.once("end", stop);
      reply.raw.once("close", stop);
      reply.raw.once("finish", () => {
        stop();
        // A connection that closed at once would take the answer away from whoever still sends.
        if (!request.raw.complete) linger(request, lingerMs);
      });
    }
    done();
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

function cutAfter(request: FastifyRequest, reply: FastifyReply, ms: number): () => void {
  const timer = setTimeout(() => cut(request, reply), ms);
  return () => clearTimeout(timer);
}

function cutWhenIdle(
  request: FastifyRequest,
  reply: FastifyReply,
  idleMs: number,
  totalMs: number,
): () => void {
  const { socket } = request.raw;
  const startedAt = performance.now();
  let seenBytes = socket.bytesRead;
  let seenAt = startedAt;
  const timer = setInterval(() => {
    const now = performance.now();
    if (socket.bytesRead !== seenBytes) {
      seenBytes = socket.bytesRead;
      seenAt = now;
    }
    if (now - seenAt < idleMs && now - startedAt < totalMs) return;
    clearInterval(timer);
    cut(request, reply);
  }, idleMs / LOOKS);
  return () => clearInterval(timer);
}

function cut(request: FastifyRequest, reply: FastifyReply): void {
  const { socket, complete } = request.raw;
  if (complete) return;
  // Whatever else says how the request ended, the caller saw this.
  reply.raw.once("close", () => {
    request.logFields.status = 408;
  });
  if (reply.raw.headersSent) {
    socket.destroy();
    return;
  }
  answerClientError(
    Object.assign(new Error("request timeout"), { code: "ERR_HTTP_REQUEST_TIMEOUT" }),
    socket,
  );
  socket.destroySoon();
}

function linger({ raw }: FastifyRequest, ms: number): void {
  const timer = setTimeout(() => raw.socket.destroy(), ms);
  // Comes with the request's end, and with the connection's.
  raw.once("close", () => clearTimeout(timer));
}
