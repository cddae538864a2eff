import type { FastifyInstance } from "fastify";

/** Headers of answers that scripts may read. `*` stands for all others to browsers that know it. */
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
/** The longest that browsers remember a preflight. */
const MAX_AGE_S = 7_200;
/** Needs no key, so that only who can reach the port by itself should read it. */
const CLOSED = "/metrics";

/**
 * Lets scripts of web pages from these origins call the API (the Fetch standard's CORS protocol), and
 * answers their preflights. Never with credentials: a page has the key or it has nothing. To be
 * registered before whatever may refuse a request.
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
    const asked = request.headers["access-control-request-headers"];
    reply
      .code(204)
      .headers({
        "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers": asked ?? "authorization, content-type",
        "access-control-max-age": String(MAX_AGE_S),
        vary: isAnyAllowed
          ? "Access-Control-Request-Headers"
          : "Origin, Access-Control-Request-Headers",
      })
      .send();
  });
}
