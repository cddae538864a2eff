import type { FastifyInstance } from "fastify";
import { MAX_FILE_BYTES, TOUCH_MS } from "../../files/file-limits.ts";
import { takePart } from "../../uploads/take-part.ts";
import type { FilesDeps } from "../files.ts";

/** `POST /v1/uploads/{id}/parts` takes a part of an upload. Its scope takes forms. */
export function addUploadParts(app: FastifyInstance, deps: FilesDeps): void {
  const { pool, shutdown, maxFileBytes = MAX_FILE_BYTES, touchMs = TOUCH_MS } = deps;
  const options = { config: { upload: true } };
  app.post<{ Params: { id: string } }>("/v1/uploads/:id/parts", options, (request, reply) => {
    const work = takePart({ pool, shutdown, maxFileBytes, touchMs }, request, reply);
    request.logFields.work = work;
    return work;
  });
}
