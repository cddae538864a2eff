import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { parseInput } from "../../shared/requests/parse-input.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { pageQuery } from "./page-query.ts";
import { parseBody } from "../../shared/requests/parse-body.ts";

/** Options of routes whose bodies are small, whatever a prompt may have. */
export const smallBody = { bodyLimit: 64 * 1024 };

const webhookPage = z.strictObject({ after: pageQuery.after, limit: pageQuery.limit });

/** Reads the body of a request by a schema that knows all its fields. No body is an empty object. */
export function readBody<Schema extends z.ZodType>(
  schema: Schema,
  request: FastifyRequest,
): z.output<Schema> {
  const body = request.body as Buffer | undefined;
  return parseInput(schema, body === undefined || body.length === 0 ? {} : parseBody(body).fields);
}

/** Reads `limit` and `after`. */
export function readPage(request: FastifyRequest): z.output<typeof webhookPage> {
  return parseInput(webhookPage, request.query);
}

/** An id of the path; what cannot be one is unknown like all others. */
export function readId(request: FastifyRequest, name: "id" | "delivery"): string {
  const id = (request.params as Readonly<Record<string, string>>)[name] ?? "";
  return /^\w{1,128}$/.test(id) ? id : notFound(name === "id" ? "endpoint" : "delivery");
}

/** Another key's is as unknown as one that never was. */
export function notFound(what: "endpoint" | "delivery"): never {
  throw new BrokerError("not_found", `No such webhook ${what}.`);
}
