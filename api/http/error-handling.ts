import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { isToldInStream, sendRefusedStream } from "../responses/refused-stream.ts";
import { sendError, toBrokerError } from "./error-answer.ts";
import { missingEndpoint } from "./missing-endpoint.ts";

/** Turns every error, and every unknown path and method, into an error body of the OpenAI API. */
export function addErrorHandling(app: FastifyInstance): void {
  const routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  app.addHook("onRoute", ({ url, method }) => {
    const route = routes.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    for (const name of [method].flat()) route.methods.add(name);
    routes.set(url, route);
  });

  app.setErrorHandler((thrown, request, reply) => {
    const error = toBrokerError(thrown);
    if (error.status >= 500 && error.code === "internal_error")
      request.log.error({ err: thrown }, "request failed");
    return isToldInStream(request, error)
      ? sendRefusedStream(reply, error)
      : sendError(reply, error);
  });

  const answerMissing = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const path = request.url.split("?", 1)[0] ?? "";
    const methods = new Set<string>();
    for (const route of routes.values())
      if (route.pattern.test(path)) for (const name of route.methods) methods.add(name);
    if (methods.size === 0) return sendError(reply, missingEndpoint(request.method, path));
    const allowed = [...methods].toSorted().join(", ");
    reply.header("allow", allowed);
    const message = `${path.slice(0, 200)} does not take ${request.method}, only ${allowed}.`;
    return sendError(reply, new BrokerError("method_not_allowed", message));
  };
  // A missing path is answered before its body is read: an error about the body would mislead.
  app.addHook("preParsing", (request, reply, payload, done) => {
    if (request.is404) void answerMissing(request, reply);
    else done(null, payload);
  });
  app.setNotFoundHandler(answerMissing);
}

/** Answers what Fastify refuses before any hook runs, such as a path with broken escapes. */
export function answerFrameworkError(
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  request.logFields = {};
  // No hook reads the rest of its body, so the connection closes.
  reply.headers({ "x-request-id": request.id, connection: "close" });
  void sendError(reply, toBrokerError(error));
}

function patternOf(url: string): RegExp {
  const source = url
    .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/:[^/]+/g, "[^/]+")
    .replaceAll("*", ".+");
  return new RegExp(`^${source}$`);
}
