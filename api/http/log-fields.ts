import type { FastifyInstance } from "fastify";
import { newId } from "../../shared/contracts/new-id.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";

/** What the log line of a request says beyond the request itself; filled in while it is answered. */
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
  /** Of an error that is the server's: what made it, in the words of the log. */
  cause?: string;
  /** In place of the status that was sent: nobody was there to read it, or an error was told in a stream. */
  status?: number;
  /** The log line waits for it, so that it can say how the request's job ended. */
  work?: Promise<unknown>;
}

declare module "fastify" {
  interface FastifyRequest {
    logFields: LogFields;
    /** Set on the routes that `authenticateCaller` guards. */
    caller: CallerKey | null;
    /** Milliseconds of the monotonic clock. */
    receivedAt: number;
  }
}

/** Gives every request its facts. To be registered first. */
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

/** A new `x-request-id`. */
export function newRequestId(): string {
  return newId("req");
}
