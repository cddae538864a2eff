import type { FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { z } from "zod";
import type { EgressPolicy } from "../../shared/egress/egress-policy.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { checkFields } from "../../shared/requests/check-fields.ts";
import type { EndpointView } from "../../shared/webhooks/endpoint-view.ts";
import { pageQuery } from "../http/page-query.ts";

export interface EndpointDeps {
  readonly pool: Pool;
  readonly egress: Pick<EgressPolicy, "checkUrl" | "checkResolved">;
  /** A test waits this long for a worker and for the endpoint's answer, 30 s by default. */
  readonly testWaitMs?: number;
}

const endpointPage = z.strictObject({ after: pageQuery.after, limit: pageQuery.limit });

/** Reads `limit` and `after`. */
export function readPage(request: FastifyRequest): z.output<typeof endpointPage> {
  return checkFields(endpointPage, request.query);
}

/** Reads an id in the path. An id that no endpoint can have is unknown like all others. */
export function readId(request: FastifyRequest, name: "id" | "delivery"): string {
  const id = (request.params as Readonly<Record<string, string>>)[name] ?? "";
  return /^\w{1,128}$/.test(id) ? id : notFound(name === "id" ? "endpoint" : "delivery");
}

/** Throws the same error for another key's endpoint as for one that does not exist. */
export function notFound(what: "endpoint" | "delivery"): never {
  throw new BrokerError("not_found", `No such webhook ${what}.`);
}

/** Throws `BrokerError` unless the endpoint is there and takes deliveries. */
export function mustBeEnabled(endpoint: EndpointView | undefined): void {
  if (endpoint === undefined) notFound("endpoint");
  if (!endpoint.enabled)
    throw new BrokerError(
      "invalid_request",
      'The webhook endpoint is disabled; update it with "enabled": true first.',
      { param: "enabled" },
    );
}
