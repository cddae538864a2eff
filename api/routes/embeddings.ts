import type { FastifyInstance } from "fastify";
import { inferenceHandler, type InferenceDeps } from "../calls/inference-handler.ts";

/** `POST /v1/embeddings` */
export function addEmbeddings(app: FastifyInstance, deps: InferenceDeps): void {
  app.post("/v1/embeddings", inferenceHandler(deps, "embeddings"));
}
