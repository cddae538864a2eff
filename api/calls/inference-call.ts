import { hash } from "node:crypto";
import type { FastifyReply } from "fastify";
import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import type { IdempotencyKey } from "../../shared/idempotency/find-keyed-job.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";
import type { InferenceRequest } from "../../shared/requests/read-request.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { idempotencyKeyOf } from "../http/idempotency-key.ts";
import { preferencesOf, type Preferences } from "../http/prefer.ts";
import { disconnection } from "./disconnection.ts";

/** A request to an inference endpoint before its body is read. */
export interface InferenceCall {
  readonly endpoint: Endpoint;
  /** The URL's pattern in the router. */
  readonly path: string;
  readonly key: CallerKey;
  readonly preferences: Preferences;
  readonly body: Buffer;
  readonly idempotency: IdempotencyKey | undefined;
  /** Aborted when the caller disconnects before the answer is complete. */
  readonly disconnected: AbortSignal;
  /** The HTTP answer, which knows its request. */
  readonly reply: FastifyReply;
}

/** A call whose body is read. */
export interface ReadCall extends InferenceCall {
  readonly inference: InferenceRequest;
}

/** Reads the headers of a call. Throws `BrokerError` `invalid_request` for a malformed one. */
export function openCall(endpoint: Endpoint, reply: FastifyReply): InferenceCall {
  const { request } = reply;
  const disconnected = disconnection(reply);
  const key = callerOf(request);
  const preferences = preferencesOf(request.headers);
  const body = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
  const path = request.routeOptions.url ?? "";
  const idempotencyKey = idempotencyKeyOf(request.headers);
  const idempotency =
    idempotencyKey === undefined
      ? undefined
      : { path, key: idempotencyKey, hash: hash("sha256", body) };
  return { endpoint, path, key, preferences, body, idempotency, disconnected, reply };
}
