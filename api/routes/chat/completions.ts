import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { checkFields } from "../../../shared/requests/check-fields.ts";
import { askDatabase } from "../../../shared/db/ask-database.ts";
import { BrokerError } from "../../../shared/errors/broker-error.ts";
import { completionId } from "../../../shared/jobs/completion-id.ts";
import { readRequestBody } from "../../../shared/jobs/job-result.ts";
import { setMetadata } from "../../../shared/jobs/set-metadata.ts";
import { parseExact } from "../../../shared/json/exact-json.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { completionOfJob } from "../../completions/completion-of-job.ts";
import { listCompletions } from "../../completions/list-completions.ts";
import { metadataInput } from "../../../shared/requests/schemas/metadata-pairs.ts";
import { callerOf } from "../../http/authenticate-caller.ts";
import { listObject } from "../../http/list-object.ts";
import { PAGE_BYTES, pageOf } from "../../http/page-of.ts";
import { pageQuery, queryText } from "../../http/page-query.ts";
import type { CallDeps } from "../../calls/call-deps.ts";
import { inferenceHandler } from "../../calls/inference-handler.ts";
import { deleteOwnJob } from "../../jobs/delete-own-job.ts";
import { ownCompletion } from "../../jobs/own-job.ts";
import { readBody, smallBody } from "../../http/json-body.ts";

interface CompletionRoute {
  Params: { id: string };
}

const ascending = { order: pageQuery.order.default("asc") };
const listQuery = z.looseObject({ ...pageQuery, ...ascending, model: queryText(256).optional() });
const messagesQuery = z.object({ ...pageQuery, ...ascending });
const PAIR = /^metadata\[(.{1,64})\]$/s;

/**
 * `/v1/chat/completions` creates completions. Those created with `store: true` it lists, shows with their
 * messages, changes and deletes.
 */
export function addChatCompletions(app: FastifyInstance, deps: CallDeps): void {
  const { pool } = deps.database;
  const own = (request: FastifyRequest<CompletionRoute>) =>
    ownCompletion(pool, callerOf(request).id, request.params.id);

  app.post("/v1/chat/completions", inferenceHandler(deps, "chat.completions"));

  app.get("/v1/chat/completions", async (request) => {
    const { model = null, after, order, limit, ...rest } = checkFields(listQuery, request.query);
    const metadata = new Map(
      Object.entries(rest).flatMap(([name, value]) => {
        const key = PAIR.exec(name)?.[1];
        return key !== undefined && typeof value === "string" ? [[key, value] as const] : [];
      }),
    );
    const filter = { model, metadata, after, ascending: order === "asc", limit: limit + 1 };
    const jobs = await listCompletions(pool, callerOf(request).id, filter);
    const shown: JsonObject[] = [];
    let bytes = 0;
    for (const job of jobs.slice(0, limit)) {
      if (bytes >= PAGE_BYTES) break;
      const completion = await completionOfJob(pool, job);
      shown.push(completion);
      bytes += JSON.stringify(completion).length;
    }
    return listObject(shown, jobs.length > shown.length);
  });

  app.get<CompletionRoute>("/v1/chat/completions/:id", async (request) =>
    completionOfJob(pool, await own(request)),
  );

  app.post<CompletionRoute>("/v1/chat/completions/:id", smallBody, async (request) => {
    const { metadata } = readBody(metadataInput, request);
    const { id, facts } = await own(request);
    if (!(await askDatabase(() => setMetadata(pool, id, facts, metadata))))
      throw new BrokerError("unavailable", "The chat completion was changed meanwhile.");
    return await completionOfJob(pool, await own(request));
  });

  app.delete<CompletionRoute>("/v1/chat/completions/:id", async (request) => {
    const job = await own(request);
    await deleteOwnJob(deps, job);
    return { id: completionId(job.id), object: "chat.completion.deleted", deleted: true };
  });

  app.get<CompletionRoute>("/v1/chat/completions/:id/messages", async (request) => {
    const query = checkFields(messagesQuery, request.query);
    const { id } = await own(request);
    const body = await askDatabase(() => readRequestBody(pool, id));
    const { messages } = asObject(parseExact(body ?? "{}")) ?? {};
    const sent = Array.isArray(messages) ? (messages as unknown[]) : [];
    const shown = sent.map((message, index) => ({
      ...asObject(message),
      id: `${completionId(id)}-${index}`,
    }));
    return pageOf(shown, query);
  });
}
