import type { FastifyInstance, FastifyRequest } from "fastify";
import type { z } from "zod";
import { parseBody } from "../../shared/requests/parse-body.ts";
import { checkFields } from "../../shared/requests/check-fields.ts";

/** Options for routes whose bodies are never prompts. */
export const smallBody = { bodyLimit: 64 * 1024 };

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

/**
 * Reads the body of a request by a schema that knows all its fields. A missing body counts as an
 * empty object.
 */
export function readBody<Schema extends z.ZodType>(
  schema: Schema,
  request: FastifyRequest,
): z.output<Schema> {
  const body = request.body as Buffer | undefined;
  return checkFields(schema, body === undefined || body.length === 0 ? {} : parseBody(body).fields);
}
