import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { answerClientError } from "./client-error.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The route takes large bodies, which need more time than other requests. */
    upload?: boolean;
  }
}

export interface ReceiveLimits {
  /** A whole request must arrive within this time. */
  readonly receiveMs?: number;
  /** An upload may be silent for this long. */
  readonly uploadIdleMs?: number;
  /** A whole upload may take this long. */
  readonly uploadMs?: number;
  /** The rest of an answered request is still read, and thrown away, for this long. */
  readonly lingerMs?: number;
}

/** An upload is checked for silence this many times within `uploadIdleMs`. */
const LOOKS = 4;

/**
 * Lets no slow sender hold a connection for ever: a request that does not arrive within its time is
 * answered with 408, and its connection is closed. This replaces the server's own `requestTimeout`,
 * which does not know uploads. It must be registered after the log fields, which it sets.
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
        // If the connection closed at once, a sender that still sends would not get the answer.
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
  // The caller saw this status, whatever the handler says later.
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
  // This event comes with the request's end, and with the connection's.
  raw.once("close", () => clearTimeout(timer));
}
