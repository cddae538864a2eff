import type { FastifyInstance } from "fastify";
import type { CallDeps } from "../calls/call-deps.ts";
import { inferenceHandler } from "../calls/inference-handler.ts";

/**
 * `POST /v1/completions` continues a prompt as it stands, without making a conversation of it. Editors
 * that complete code call it.
 */
export function addCompletions(app: FastifyInstance, deps: CallDeps): void {
  app.post("/v1/completions", inferenceHandler(deps, "completions"));
}
