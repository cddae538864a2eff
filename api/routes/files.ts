import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { z } from "zod";
import { checkFields } from "../../shared/requests/check-fields.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { deleteFile } from "../../shared/files/delete-file.ts";
import { listFiles } from "../../shared/files/list-files.ts";
import { MAX_FILE_BYTES, TOUCH_MS } from "../files/file-limits.ts";
import { fileObject } from "../files/file-object.ts";
import { noFile, ownFile } from "../files/own-file.ts";
import { sendContent } from "../files/send-content.ts";
import { takeUpload } from "../files/take-upload.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { listObject } from "../http/list-object.ts";
import { pageQuery, queryText } from "../http/page-query.ts";

export interface FilesDeps {
  readonly pool: Pool;
  /** Aborts when a shutdown stops waiting for uploads and downloads. */
  readonly shutdown: AbortSignal;
  /** 512 MiB by default. */
  readonly maxFileBytes?: number;
  /** An upload shows in this interval that it is alive. It is a minute by default. */
  readonly touchMs?: number;
}

interface FileRoute {
  Params: { id: string };
}

const listQuery = z.object({
  after: pageQuery.after,
  order: pageQuery.order,
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  purpose: queryText(64)
    .optional()
    .transform((purpose) => purpose || undefined),
});

/** `/v1/files` has a key's own files. Its scope takes forms. */
export function addFiles(app: FastifyInstance, deps: FilesDeps): void {
  const { pool, shutdown, maxFileBytes = MAX_FILE_BYTES, touchMs = TOUCH_MS } = deps;
  const own = (request: FastifyRequest<FileRoute>) =>
    ownFile(pool, callerOf(request).id, request.params.id);

  const upload = { pool, shutdown, maxFileBytes, touchMs };
  app.post("/v1/files", { config: { upload: true } }, (request, reply) => {
    const work = takeUpload(upload, request, reply);
    request.logFields.work = work;
    return work;
  });

  app.get("/v1/files", async (request) => {
    const { limit, ...page } = checkFields(listQuery, request.query);
    const rows = await askDatabase(() =>
      listFiles(pool, callerOf(request).id, { ...page, limit: limit + 1 }),
    );
    return listObject(rows.slice(0, limit).map(fileObject), rows.length > limit);
  });

  app.get<FileRoute>("/v1/files/:id", async (request) => fileObject(await own(request)));

  app.delete<FileRoute>("/v1/files/:id", async (request) => {
    const { id } = request.params;
    await own(request);
    if (!(await askDatabase(() => deleteFile(pool, callerOf(request).id, id)))) noFile(id);
    return { id, object: "file", deleted: true };
  });

  app.route<FileRoute>({
    // HEAD has a handler, since Fastify's own would read the whole file.
    method: ["GET", "HEAD"],
    url: "/v1/files/:id/content",
    handler: async (request, reply) =>
      await sendContent(pool, request, reply, await own(request), shutdown),
  });
}
