import type { FastifyReply, FastifyRequest } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { IdempotentAnswer } from "../../shared/idempotency/idempotent-transaction.ts";
import { disconnection } from "../calls/disconnection.ts";
import { sendOnce } from "../http/answer-once.ts";
import { readForm, type FormPart } from "./read-form.ts";
import { fileTooLarge } from "./store-file.ts";

export interface FormOptions {
  /** Aborts when a shutdown stops waiting. */
  readonly shutdown: AbortSignal;
  readonly maxFileBytes: number;
  /** The field that holds the file. */
  readonly param: string;
}

/** The limit of everything beside the file. */
const FORM_BYTES = 64 * 1024;

/**
 * Answers a multipart form with what `receive` makes of its parts. The form breaks off with a
 * `BrokerError` when its caller disconnects, the broker shuts down or the form is too large.
 */
export async function takeForm(
  { shutdown, maxFileBytes, param }: FormOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  receive: (form: AsyncIterable<FormPart>) => Promise<IdempotentAnswer>,
): Promise<FastifyReply> {
  if (!request.isMultipart())
    throw new BrokerError(
      "unsupported_media_type",
      `The content type must be multipart/form-data, with '${param}' as a file.`,
    );
  const maxBodyBytes = maxFileBytes + FORM_BYTES;
  const overLimit = () => fileTooLarge(maxFileBytes, param);
  if (Number(request.headers["content-length"]) > maxBodyBytes) throw overLimit();

  const stop = new AbortController();
  const disconnected = disconnection(reply);
  const onDisconnect = (): void =>
    stop.abort(new BrokerError("cancelled", "The caller went away."));
  const onShutdown = (): void =>
    stop.abort(new BrokerError("unavailable", "The broker is shutting down."));
  disconnected.addEventListener("abort", onDisconnect);
  shutdown.addEventListener("abort", onShutdown);
  try {
    const form = readForm(request, { tooLarge: overLimit, maxBodyBytes, signal: stop.signal });
    return sendOnce(reply, await receive(form));
  } finally {
    shutdown.removeEventListener("abort", onShutdown);
  }
}
