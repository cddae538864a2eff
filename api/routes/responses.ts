import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { checkFields } from "../../shared/requests/check-fields.ts";
import { readRequestBody } from "../../shared/jobs/job-result.ts";
import { readCompaction } from "../../shared/requests/read-inference.ts";
import { parseExact } from "../../shared/json/exact-json.ts";
import { asObject } from "../../shared/json/json-object.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { pageQuery } from "../http/page-query.ts";
import { disconnection } from "../calls/disconnection.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import { inferenceHandler } from "../calls/inference-handler.ts";
import { answerAcceptedStream } from "../jobs/answer-accepted-stream.ts";
import { cancelJob } from "../jobs/cancel-job.ts";
import { deleteOwnJob } from "../jobs/delete-own-job.ts";
import { viewOf } from "../jobs/deliver-accepted.ts";
import { ownResponse } from "../jobs/own-job.ts";
import { countInputTokens } from "../responses/count-input-tokens.ts";
import { inputItemList } from "../responses/input-item-list.ts";
import { responseOfJob } from "../responses/response-of-job.ts";
import { firstNumber } from "../responses/response-view.ts";

interface ResponseRoute {
  Params: { id: string };
}

const JSON_TYPE = "application/json; charset=utf-8";

const readQuery = z.object({
  stream: z.enum(["true", "false"]).default("false"),
  starting_after: z.coerce.number().int().min(0).optional(),
});
const itemsQuery = z.object(pageQuery);

/** `/v1/responses` creates, shows, follows, cancels and deletes responses, and shows their input. */
export function addResponses(app: FastifyInstance, deps: CallDeps): void {
  const { pool } = deps.database;
  const own = (request: FastifyRequest<ResponseRoute>) =>
    ownResponse(pool, callerOf(request).id, request.params.id);

  app.post("/v1/responses", inferenceHandler(deps, "responses"));

  app.post("/v1/responses/compact", inferenceHandler(deps, "responses", readCompaction));
  app.post("/v1/responses/input_tokens", (request, reply) =>
    countInputTokens(deps, request, reply),
  );

  app.get<ResponseRoute>("/v1/responses/:id", async (request, reply) => {
    const { stream, starting_after: startingAfter = -1 } = checkFields(readQuery, request.query);
    const job = await own(request);
    reply.header("x-spillway-job-id", job.id);
    if (stream === "false") return reply.type(JSON_TYPE).send(await responseOfJob(pool, job));
    const work = viewOf(deps, job, startingAfter).then((view) =>
      answerAcceptedStream(deps, reply, {
        job: job.id,
        view,
        from: firstNumber(startingAfter),
        isOpen: true,
        signal: disconnection(reply),
        shutdown: deps.jobs.shutdown,
      }),
    );
    request.logFields.work = work;
    return await work;
  });

  app.post<ResponseRoute>("/v1/responses/:id/cancel", async (request, reply) => {
    const { id } = await own(request);
    const job = await cancelJob(deps, id, disconnection(reply));
    return reply.type(JSON_TYPE).send(await responseOfJob(pool, job));
  });

  app.delete<ResponseRoute>("/v1/responses/:id", async (request) => {
    await deleteOwnJob(deps, await own(request));
    return { id: request.params.id, object: "response", deleted: true };
  });

  app.get<ResponseRoute>("/v1/responses/:id/input_items", async (request) => {
    const query = checkFields(itemsQuery, request.query);
    const { id } = await own(request);
    const body = await askDatabase(() => readRequestBody(pool, id));
    const { input } = asObject(parseExact(body ?? "{}")) ?? {};
    return inputItemList(request.params.id, input, query);
  });
}
