import type { FastifyInstance, FastifyRequest } from "fastify";
import type { CallerKey } from "../../shared/keys/caller-key.ts";
import type { KeyAuth } from "../auth/key-auth.ts";

/** Lets only known keys into the routes of this scope, before a body is read. */
export function authenticateCaller(app: FastifyInstance, keyAuth: KeyAuth): void {
  app.addHook("onRequest", async (request) => {
    request.caller = await keyAuth.authenticate(request.headers.authorization);
    request.logFields.keyId = request.caller.id;
  });
}

/** Returns the caller's key, on a route of such a scope. */
export function callerOf(request: FastifyRequest): CallerKey {
  if (request.caller === null) throw new Error("this route does not authenticate");
  return request.caller;
}
