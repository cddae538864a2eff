import type { FastifyInstance } from "fastify";
import { inferenceHandler, type InferenceDeps } from "../inference/inference-handler.ts";

/** `POST /v1/chat/completions` */
export function addChatCompletions(app: FastifyInstance, deps: InferenceDeps): void {
  app.post("/v1/chat/completions", inferenceHandler(deps, "chat.completions"));
}
