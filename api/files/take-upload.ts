import type { FastifyReply, FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { finishUpload } from "../../shared/files/upload-statements.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { idempotencyKeyOf } from "../http/idempotency-key.ts";
import { disconnection } from "../inference/disconnection.ts";
import { doOnce, sendOnce } from "../webhooks/answer-once.ts";
import { fileObject } from "./file-object.ts";
import { readForm, tooLarge } from "./read-form.ts";
import { lost, receiveUpload } from "./receive-upload.ts";

export interface UploadDeps {
  readonly pool: Pool;
  readonly shutdown: AbortSignal;
  readonly maxFileBytes: number;
  readonly touchMs: number;
}

/** What a form has beside its file. */
const FORM_BYTES = 64 * 1024;

/** Stores the file of a multipart form, once for each `Idempotency-Key`, and answers with it. */
export async function takeUpload(
  { pool, shutdown, maxFileBytes, touchMs }: UploadDeps,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (!request.isMultipart())
    throw new BrokerError(
      "unsupported_media_type",
      "The content type must be multipart/form-data, with a file and its purpose.",
    );
  const hashed = idempotencyKeyOf(request.headers) !== undefined;
  const maxBodyBytes = maxFileBytes + FORM_BYTES;
  if (Number(request.headers["content-length"]) > maxBodyBytes) throw tooLarge(maxFileBytes);

  const stop = new AbortController();
  const gone = disconnection(request, reply);
  const onGone = (): void => stop.abort(new BrokerError("cancelled", "The caller went away."));
  const onShutdown = (): void =>
    stop.abort(new BrokerError("unavailable", "The broker is shutting down."));
  gone.addEventListener("abort", onGone);
  shutdown.addEventListener("abort", onShutdown);
  try {
    const form = readForm(request, { maxFileBytes, maxBodyBytes, signal: stop.signal });
    const keyId = callerOf(request).id;
    const options = { pool, keyId, maxBytes: maxFileBytes, touchMs, hashed };
    const answer = await receiveUpload(options, form, ({ id, terms, hash }) =>
      doOnce(request, pool, {
        bodyHash: hash,
        prepare: () => Promise.resolve(undefined),
        work: async (client) => {
          const file = await finishUpload(client, id, terms);
          if (file === undefined) throw lost();
          return fileObject(file);
        },
      }),
    );
    return sendOnce(reply, answer);
  } finally {
    shutdown.removeEventListener("abort", onShutdown);
  }
}
