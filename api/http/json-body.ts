import type { FastifyInstance } from "fastify";

/**
 * Hands the bytes of JSON bodies to the handlers as they came. A body without a content type counts
 * as JSON; other types are refused with 415.
 */
export function takeRawJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });
  app.addHook("onRequest", (request, _reply, done) => {
    request.raw.headers["content-type"] ??= "application/json";
    done();
  });
}
