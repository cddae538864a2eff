import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";

/**
 * After `close()`, closes connections without a running request; the others take no more requests
 * and close after their answer. Otherwise each would keep the server open until its own timeout.
 * Node itself closes only connections that have had a request, but clients also connect before
 * their first one.
 */
export function addShutdown(app: FastifyInstance): void {
  let closing = false;
  const quiet = new Set<Socket>();
  app.server.on("connection", (socket) => {
    if (closing) {
      socket.destroy();
      return;
    }
    quiet.add(socket);
    socket.once("close", () => quiet.delete(socket));
  });
  app.server.on("request", ({ socket }) => quiet.delete(socket));
  app.addHook("preClose", (done) => {
    closing = true;
    for (const socket of quiet) socket.destroy();
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
