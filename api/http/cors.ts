import type { FastifyInstance } from "fastify";

/** The answer headers that scripts may read. Some browsers take `*` for all others. */
const EXPOSED = [
  "content-disposition",
  "idempotent-replayed",
  "location",
  "preference-applied",
  "retry-after",
  "retry-after-ms",
  "x-request-id",
  "x-should-retry",
  "x-spillway-attempts",
  "x-spillway-cost-usd",
  "x-spillway-job-id",
  "x-spillway-max-output-tokens",
  "x-spillway-provider",
  "x-spillway-queue-ms",
  "x-spillway-warning",
  "*",
].join(", ");
/** The longest time that browsers remember a preflight. */
const MAX_AGE_S = 7_200;
/** This path needs no key, so that web pages must not read it. */
const CLOSED = "/metrics";

/**
 * Lets scripts of web pages from these origins call the API (the Fetch standard's CORS protocol), and
 * answers their preflights. Credentials are never allowed: a page has the key or it has nothing.
 * Its hook is registered before every hook that may refuse a request.
 */
export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  const isAnyAllowed = origins.includes("*");
  const allowed = new Set(origins);
  app.addHook("onRequest", (request, reply, done) => {
    const { origin } = request.headers;
    if (!isAnyAllowed) reply.header("vary", "Origin");
    const isAllowed = origin !== undefined && (isAnyAllowed || allowed.has(origin));
    if (!isAllowed || request.routeOptions.url === CLOSED) {
      done();
      return;
    }
    reply.headers({
      "access-control-allow-origin": isAnyAllowed ? "*" : origin,
      "access-control-expose-headers": EXPOSED,
    });
    const isPreflight =
      request.method === "OPTIONS" &&
      request.headers["access-control-request-method"] !== undefined;
    if (!isPreflight) {
      done();
      return;
    }
    const wantedHeaders = request.headers["access-control-request-headers"];
    reply
      .code(204)
      .headers({
        "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers": wantedHeaders ?? "authorization, content-type",
        "access-control-max-age": String(MAX_AGE_S),
        vary: isAnyAllowed
          ? "Access-Control-Request-Headers"
          : "Origin, Access-Control-Request-Headers",
      })
      .send();
  });
}
