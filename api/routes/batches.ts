import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { z } from "zod";
import { checkFields } from "../../shared/requests/check-fields.ts";
import type { BatchRow } from "../../shared/batches/batch-row.ts";
import { createBatch } from "../../shared/batches/create-batch.ts";
import { cancelBatch, setCap } from "../../shared/batches/change-batch.ts";
import { listBatches } from "../../shared/batches/list-batches.ts";
import { readBatch } from "../../shared/batches/read-batch.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { findFile } from "../../shared/files/find-file.ts";
import { parseUsd } from "../../shared/money/usd.ts";
import { batchObject } from "../batches/batch-object.ts";
import { createBatchInput, updateBatchInput } from "../../shared/batches/batch-input.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { listObject } from "../http/list-object.ts";
import { pageQuery } from "../http/page-query.ts";
import { residencyOf } from "../calls/call-limits.ts";
import { answerOnce } from "../http/answer-once.ts";
import { readBody, smallBody } from "../http/json-body.ts";

interface BatchRoute {
  Params: { id: string };
}

const BATCH = /^batch_[0-9a-f]{32}$/;
const FILE = /^file-[0-9a-f]{32}$/;
const listQuery = z.object({ after: pageQuery.after, limit: pageQuery.limit });

/** `/v1/batches` takes files of requests, which workers run as jobs of the lowest class. */
export function addBatches(app: FastifyInstance, { pool }: { readonly pool: Pool }): void {
  const own = async (request: FastifyRequest<BatchRoute>): Promise<BatchRow> => {
    const { id } = request.params;
    const key = callerOf(request).id;
    const batch = BATCH.test(id) ? await askDatabase(() => readBatch(pool, key, id)) : undefined;
    if (batch !== undefined) return batch;
    throw new BrokerError("not_found", `No batch found with id '${id.slice(0, 64)}'.`, {
      param: "id",
    });
  };

  app.post("/v1/batches", smallBody, (request, reply) => create(pool, request, reply));

  app.get("/v1/batches", async (request) => {
    const { after = null, limit } = checkFields(listQuery, request.query);
    const key = callerOf(request).id;
    const rows = await askDatabase(() => listBatches(pool, key, { after, limit: limit + 1 }));
    return listObject(rows.slice(0, limit).map(batchObject), rows.length > limit);
  });

  app.get<BatchRoute>("/v1/batches/:id", async (request) => batchObject(await own(request)));

  app.post<BatchRoute>("/v1/batches/:id", smallBody, async (request) => {
    const { id } = await own(request);
    const cap = parseUsd(readBody(updateBatchInput, request).metadata.max_cost_usd);
    if (!(await askDatabase(() => setCap(pool, id, cap))))
      throw new BrokerError(
        "invalid_request",
        "metadata.max_cost_usd: can be changed of a batch that has one and has not ended",
        { param: "metadata.max_cost_usd" },
      );
    return batchObject(await own(request));
  });

  app.post<BatchRoute>("/v1/batches/:id/cancel", async (request) => {
    const { id } = await own(request);
    await askDatabase(() => cancelBatch(pool, callerOf(request).id, id));
    return batchObject(await own(request));
  });
}

async function create(
  pool: Pool,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const key = callerOf(request);
  const input = readBody(createBatchInput, request);
  const { input_file_id: inputFileId, metadata, output_expires_after: outputExpires } = input;
  const residency = residencyOf(request.headers, key.residency);
  const { overflow, max_cost_usd: cap } = metadata ?? {};
  return await answerOnce(request, reply, pool, {
    prepare: () => checkFile(pool, key.id, inputFileId),
    work: async (client) => {
      const id = await createBatch(client, {
        key: key.id,
        endpoint: input.endpoint,
        inputFileId,
        completionWindow: input.completion_window.text,
        windowMs: input.completion_window.windowMs,
        metadata: metadata ?? null,
        residency,
        overflow: overflow === "if_saturated",
        outputExpiresS: outputExpires?.seconds ?? null,
        capNanos: cap === undefined ? null : parseUsd(cap),
      });
      if (id === undefined) throw noFile(inputFileId);
      const batch = await readBatch(client, key.id, id);
      if (batch === undefined) throw new Error(`the new ${id} cannot be read`);
      return batchObject(batch);
    },
  });
}

function noFile(id: string): BrokerError {
  return new BrokerError("not_found", `No such File object: ${id.slice(0, 64)}`, {
    param: "input_file_id",
  });
}

/** Throws the same error for another key's file as for one that does not exist. */
async function checkFile(pool: Pool, key: string, id: string): Promise<void> {
  const file = FILE.test(id) ? await findFile(pool, key, id) : undefined;
  if (file === undefined) throw noFile(id);
  if (file.purpose !== "batch")
    throw new BrokerError("invalid_request", "input_file_id: the file's purpose is not 'batch'.", {
      param: "input_file_id",
    });
}
