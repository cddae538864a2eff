import type { FastifyInstance } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";

/**
 * After `close()`, connections that are kept alive bring no more requests and end with the answer
 * under way: otherwise each would hold the server open until its own timeout.
 */
export function addShutdown(app: FastifyInstance): void {
  let closing = false;
  app.addHook("preClose", (done) => {
    closing = true;
    done();
  });
  app.addHook("onRequest", (request, reply, done) => {
    reply.raw.once("finish", () => {
      if (closing) request.raw.socket.destroySoon();
    });
    if (closing) done(new BrokerError("unavailable", "The broker is shutting down."));
    else done();
  });
  app.addHook("onSend", (_request, reply, _payload, done) => {
    if (closing) reply.header("connection", "close");
    done();
  });
}
