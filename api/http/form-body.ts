import multipart from "@fastify/multipart";
import type { FastifyInstance } from "fastify";

/**
 * Lets the routes of this scope read multipart forms part by part. No other body is read: a handler
 * that expects a form refuses it.
 */
export function takeForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _body, done) => done(null));
  app.register(multipart);
}
