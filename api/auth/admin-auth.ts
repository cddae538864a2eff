import { timingSafeEqual } from "node:crypto";
import type { onRequestAsyncHookHandler } from "fastify";
import { hashSecret } from "../../shared/keys/key-secret.ts";
import { invalidApiKey } from "../../shared/keys/invalid-api-key.ts";
import { readBearer } from "./bearer.ts";

/** Makes a hook that lets only the admin key pass. The hook runs before the body is read. */
export function adminAuth(adminKey: string): onRequestAsyncHookHandler {
  const expected = hashSecret(adminKey);
  return async (request) => {
    const presented = hashSecret(readBearer(request.headers.authorization));
    if (!timingSafeEqual(presented, expected)) throw invalidApiKey();
  };
}
