import type { FastifyReply, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { finishUpload } from "../../shared/files/new-file.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { idempotencyKeyOf } from "../http/idempotency-key.ts";
import { doOnce } from "../http/answer-once.ts";
import { fileObject } from "./file-object.ts";
import { receiveUpload } from "./receive-upload.ts";
import { lost } from "./store-file.ts";
import { takeForm } from "./take-form.ts";

export interface UploadDeps {
  readonly pool: Pool;
  readonly shutdown: AbortSignal;
  readonly maxFileBytes: number;
  readonly touchMs: number;
}

/** Stores the file of a multipart form, once for each `Idempotency-Key`, and answers with it. */
export async function takeUpload(
  { pool, shutdown, maxFileBytes, touchMs }: UploadDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const hashed = idempotencyKeyOf(request.headers) !== undefined;
  const keyId = callerOf(request).id;
  const options = { pool, keyId, maxBytes: maxFileBytes, touchMs, hashed };
  const form = { shutdown, maxFileBytes, param: "file" };
  return await takeForm(form, request, reply, (parts) =>
    receiveUpload(options, parts, ({ id, file: upload, hash }) =>
      doOnce(request, pool, {
        bodyHash: hash,
        prepare: () => Promise.resolve(undefined),
        work: async (client) => {
          const file = await finishUpload(client, id, upload);
          if (file === undefined) throw lost();
          return fileObject(file);
        },
      }),
    ),
  );
}
