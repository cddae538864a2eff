import type { Pool } from "pg";
import type { Endpoint } from "../contracts/endpoint.ts";
import type { EgressPolicy } from "../egress/egress-policy.ts";
import { BrokerError } from "../errors/broker-error.ts";
import type { CallerKey } from "../keys/caller-key.ts";
import { askDatabase } from "../db/ask-database.ts";
import { withConversation } from "./conversation-request.ts";
import { endsWithTrigger } from "../responses/compaction.ts";
import { ignoredParts } from "../responses/ignored-parts.ts";
import { checkMedia } from "./check-media.ts";
import { compactionRequest } from "./compaction-request.ts";
import type { CompiledRoute } from "../routing/compiled-route.ts";
import { withFiles } from "./files/with-files.ts";
import { parseBody, type ParsedBody } from "./parse-body.ts";
import { withPreviousTurn } from "./previous-turn.ts";
import { readRequest, type FindRoute, type InferenceRequest } from "./read-request.ts";
import { withoutIgnoredTools } from "./tool-bound.ts";

export interface ReadDeps {
  readonly database: { readonly pool: Pick<Pool, "query"> };
  readonly routes: ReadonlyMap<string, CompiledRoute>;
  readonly egress: Pick<EgressPolicy, "isInternalHost">;
  /** The limit covers a request and the files that it refers to. */
  readonly bodyLimitBytes: number;
}

/** Reads the bytes of a key's request. Throws `BrokerError` with `param` for any fault. */
export async function readInference(
  deps: ReadDeps,
  endpoint: Endpoint,
  key: CallerKey,
  raw: Buffer,
): Promise<InferenceRequest> {
  return await readParsed(deps, endpoint, key, parseBody(raw));
}

/**
 * Reads the bytes of a request to `/v1/responses/compact`. Returns the request that makes the
 * summary.
 */
export async function readCompaction(
  deps: ReadDeps,
  key: CallerKey,
  raw: Buffer,
): Promise<InferenceRequest> {
  return await readWith(deps, "responses", key, parseBody(raw), true);
}

/** Reads a body that has been parsed already. Files that it names are read first. */
export async function readParsed(
  deps: ReadDeps,
  endpoint: Endpoint,
  key: CallerKey,
  parsed: ParsedBody,
): Promise<InferenceRequest> {
  return await readWith(deps, endpoint, key, parsed, false);
}

async function readWith(
  { database, routes, egress, bodyLimitBytes }: ReadDeps,
  endpoint: Endpoint,
  key: CallerKey,
  parsed: ParsedBody,
  compacts: boolean,
): Promise<InferenceRequest> {
  const filled = async (given: ParsedBody) => {
    const options = { key: key.id, maxBodyBytes: bodyLimitBytes };
    const done = await askDatabase(() => withFiles(database.pool, endpoint, given, options));
    checkMedia(done.body.fields, egress);
    return done;
  };
  const { body, opaqueFile } = await filled(parsed);
  const find = (model: string) => findRoute(routes, key, model);
  if (endpoint !== "responses") return { ...readRequest(endpoint, body, find), opaqueFile };
  const { body: joined, turn } = await askDatabase(async () =>
    withConversation(
      database.pool,
      key.id,
      await withPreviousTurn(database.pool, key.id, body, bodyLimitBytes),
      bodyLimitBytes,
    ),
  );
  // The conversation may hold items that were never checked, so the joined body is checked again.
  const whole = turn === undefined ? { body: joined, opaqueFile } : await filled(joined);
  const request = {
    ...readTurn(whole.body, key, find, compacts),
    opaqueFile: opaqueFile ?? whole.opaqueFile,
  };
  const { response } = request;
  if (turn === undefined || response === undefined || response.compaction !== undefined)
    return request;
  return { ...request, response: { ...response, turn } };
}

/** Returns the request for an answer, or the one for the summary of a conversation. */
function readTurn(
  body: ParsedBody,
  key: CallerKey,
  find: FindRoute,
  compacts: boolean,
): InferenceRequest {
  if (!compacts && !endsWithTrigger(body.fields["input"]))
    return readResponseRequest(body, key, find);
  const request = readResponseRequest(compactionRequest(body, compacts), key, find);
  const { response } = request;
  if (response === undefined) return request;
  return { ...request, response: { ...response, compaction: compacts ? "object" : "item" } };
}

/**
 * The cost of an ignored web search has no bound, and its caller can do without it. So it is left
 * out everywhere when the key has a budget.
 */
function readResponseRequest(
  { fields, exact }: ParsedBody,
  { budgeted }: CallerKey,
  find: FindRoute,
): InferenceRequest {
  const read = (body: ParsedBody) => readRequest("responses", body, find);
  if (!budgeted) return read({ fields, exact });
  const request = read({ fields: withoutIgnoredTools(fields), exact: withoutIgnoredTools(exact) });
  const { response } = request;
  if (response === undefined) return request;
  return { ...request, response: { ...response, ignored: ignoredParts(fields) } };
}

/**
 * Finds the route of a model. A model that the key may not use does not exist for it. Throws
 * `BrokerError` `model_not_found`.
 */
export function findRoute(
  routes: ReadDeps["routes"],
  key: CallerKey,
  model: string,
): CompiledRoute {
  const route = routes.get(model);
  if (route === undefined || key.models?.includes(model) === false)
    throw new BrokerError(
      "model_not_found",
      `The model '${model.slice(0, 128)}' does not exist or you do not have access to it.`,
      { param: "model" },
    );
  return route;
}
