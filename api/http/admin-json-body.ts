import type { FastifyInstance } from "fastify";
import { parseBody } from "../../shared/requests/parse-body.ts";

/**
 * Reads JSON bodies of the admin API with the same checks and the same errors as those of requests.
 * An empty body counts as none, whatever its content type: many clients send a type with a
 * `DELETE`.
 */
export function takeAdminJson(app: FastifyInstance): void {
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    async (_request: unknown, body: Buffer) =>
      body.length === 0 ? undefined : parseBody(body).fields,
  );
}
