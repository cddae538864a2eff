import type { FastifyInstance } from "fastify";
import { newId } from "../../shared/contracts/new-id.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";

/** Fields of a request's log line. They are filled in while it is answered. */
export interface LogFields {
  keyId?: string;
  model?: string;
  jobId?: string;
  jobState?: string;
  provider?: string;
  attempts?: number;
  queueMs?: number;
  costUsd?: string;
  errorCode?: string;
  /** The cause of an error that is the server's fault. */
  cause?: string;
  /** Replaces the status that was sent when nobody read it, or when a stream had the error. */
  status?: number;
  /** The log line waits for this, so that it can say how the request's job ended. */
  work?: Promise<unknown>;
}

declare module "fastify" {
  interface FastifyRequest {
    logFields: LogFields;
    /** Set on the routes that `authenticateCaller` guards. */
    caller: CallerKey | null;
    /** The time on the monotonic clock. */
    receivedAt: number;
  }
}

/** Gives every request its log fields. Other hooks need them, so this is registered first. */
export function addLogFields(app: FastifyInstance): void {
  app.decorateRequest("logFields");
  app.decorateRequest("caller", null);
  app.decorateRequest("receivedAt", 0);
  app.addHook("onRequest", (request, reply, done) => {
    request.logFields = {};
    request.receivedAt = performance.now();
    reply.header("x-request-id", request.id);
    done();
  });
}

/** Makes the `x-request-id` of a request. */
export function newRequestId(): string {
  return newId("req");
}
