import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { BrokerError } from "../../shared/errors/broker-error.ts";

/** Checks a request's query. Throws `BrokerError` `invalid_request` with the parameter's name. */
export function queryOf<Schema extends z.ZodType>(
  schema: Schema,
  request: FastifyRequest,
): z.output<Schema> {
  const result = schema.safeParse(request.query);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const param = String(issue?.path[0] ?? "query");
  throw new BrokerError("invalid_request", `Invalid value for '${param}': ${issue?.message}.`, {
    param,
  });
}

/** Query parameters of OpenAI's lists. */
export const pageQuery = {
  after: z.string().max(200).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(["asc", "desc"]).default("desc"),
};
