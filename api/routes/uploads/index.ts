import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { cancelUpload, createUpload } from "../../../shared/uploads/upload-statements.ts";
import { MAX_EXPIRY_S } from "../../../shared/files/file-expiry.ts";
import { MAX_FILE_BYTES } from "../../files/file-limits.ts";
import { callerOf } from "../../http/authenticate-caller.ts";
import { checkMd5 } from "../../uploads/check-md5.ts";
import { makeFile } from "../../uploads/make-file.ts";
import { checkPending, ownUpload, shownUpload } from "../../uploads/own-upload.ts";
import {
  checkPartIds,
  completeUploadInput,
  createUploadInput,
} from "../../uploads/upload-input.ts";
import { uploadObject } from "../../uploads/upload-object.ts";
import { answerOnce } from "../../http/answer-once.ts";
import { readBody, smallBody } from "../../http/json-body.ts";

export interface UploadsDeps {
  readonly pool: Pool;
  /** Aborts when a shutdown stops waiting for uploads. */
  readonly shutdown: AbortSignal;
  /** 512 MiB by default. */
  readonly maxFileBytes?: number;
}

interface UploadRoute {
  Params: { id: string };
}

/** The ids of all possible parts fit into this. */
const COMPLETE_BYTES = 1024 * 1024;

/** `/v1/uploads` makes files that come in parts; `addUploadParts` takes the parts, which are forms. */
export function addUploads(app: FastifyInstance, deps: UploadsDeps): void {
  const { pool, maxFileBytes = MAX_FILE_BYTES } = deps;
  const createInput = createUploadInput(maxFileBytes);

  app.post("/v1/uploads", smallBody, (request, reply) => {
    const { mime_type: mimeType, expires_after: expires, ...rest } = readBody(createInput, request);
    const expiresAfterS = expires?.seconds ?? MAX_EXPIRY_S;
    return answerOnce(request, reply, pool, {
      prepare: () => Promise.resolve(undefined),
      work: async (client) => {
        const upload = { ...rest, mimeType, expiresAfterS };
        return uploadObject(await createUpload(client, callerOf(request).id, upload), undefined);
      },
    });
  });

  app.get<UploadRoute>("/v1/uploads/:id", (request) =>
    shownUpload(pool, callerOf(request).id, request.params.id),
  );

  const large = { bodyLimit: COMPLETE_BYTES };
  app.post<UploadRoute>("/v1/uploads/:id/complete", large, (request, reply) => {
    const work = complete(deps, request, reply);
    request.logFields.work = work;
    return work;
  });

  app.post<UploadRoute>("/v1/uploads/:id/cancel", smallBody, async (request, reply) => {
    const key = callerOf(request).id;
    const { id } = await ownUpload(pool, key, request.params.id);
    return await answerOnce(request, reply, pool, {
      prepare: () => Promise.resolve(undefined),
      work: async (client) => {
        if (!(await cancelUpload(client, key, id))) {
          const upload = await ownUpload(client, key, id);
          if (upload.status !== "cancelled") checkPending(upload);
        }
        return await shownUpload(client, key, id);
      },
    });
  });
}

async function complete(
  { pool, shutdown }: UploadsDeps,
  request: FastifyRequest<UploadRoute>,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const keyId = callerOf(request).id;
  const upload = await ownUpload(pool, keyId, request.params.id);
  const { part_ids: partIds, md5 } = readBody(completeUploadInput, request);
  checkPartIds(partIds);
  return await answerOnce(request, reply, pool, {
    prepare: async () => {
      if (md5 != null) await checkMd5(pool, { keyId, upload, partIds, md5, shutdown });
    },
    work: (client) => makeFile(client, keyId, upload, partIds),
  });
}
