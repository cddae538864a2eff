import type { FastifyReply, FastifyRequest } from "fastify";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { checkFields } from "../../shared/requests/check-fields.ts";
import { withConversation } from "../../shared/requests/conversation-request.ts";
import { estimateInput } from "../../shared/requests/estimate-input.ts";
import { withFiles } from "../../shared/requests/files/with-files.ts";
import { parseBody } from "../../shared/requests/parse-body.ts";
import { withPreviousTurn } from "../../shared/requests/previous-turn.ts";
import { findRoute, type ReadDeps } from "../../shared/requests/read-inference.ts";
import { inputTokensSchema } from "../../shared/requests/schemas/responses-schema.ts";
import { callerOf } from "../http/authenticate-caller.ts";

/**
 * Estimates the input tokens of a response request, its earlier turns included. It asks no engine,
 * makes no job and costs nothing. Throws `BrokerError` for whatever is wrong.
 */
export async function countInputTokens(
  { database, routes, bodyLimitBytes }: Pick<ReadDeps, "database" | "routes" | "bodyLimitBytes">,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<object> {
  const key = callerOf(request);
  const parsed = parseBody(request.body as Buffer | undefined);
  const { model } = checkFields(inputTokensSchema, parsed.fields);
  if (model != null) request.logFields.model = findRoute(routes, key, model).config.name;
  const limits = { key: key.id, maxBodyBytes: bodyLimitBytes };
  const { pool } = database;
  const { body } = await askDatabase(async () => {
    const read = await withFiles(pool, "responses", parsed, limits);
    const turn = await withPreviousTurn(pool, key.id, read.body, bodyLimitBytes);
    return await withConversation(pool, key.id, turn, bodyLimitBytes);
  });
  reply.header("x-spillway-estimate", "true");
  return { object: "response.input_tokens", input_tokens: estimateInput(body.fields) };
}
