import type { FastifyInstance } from "fastify";
import type { CallDeps } from "../calls/call-deps.ts";
import { inferenceHandler } from "../calls/inference-handler.ts";

/**
 * `POST /v1/embeddings` turns texts into vectors. The answer always comes whole; the caller chooses
 * whether its numbers are written as JSON or as base64.
 */
export function addEmbeddings(app: FastifyInstance, deps: CallDeps): void {
  app.post("/v1/embeddings", inferenceHandler(deps, "embeddings"));
}
