import type { FastifyRequest } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";

export interface FormOptions {
  /** Says that the body is over its limit. */
  readonly tooLarge: () => BrokerError;
  /** Of the whole body: also what belongs to no part is read. */
  readonly maxBodyBytes: number;
  /** Aborted with a `BrokerError`, which the reader then throws. */
  readonly signal: AbortSignal;
}

export type FormPart =
  | { readonly type: "field"; readonly name: string; readonly value: string }
  | {
      readonly type: "file";
      readonly name: string;
      readonly filename: string;
      readonly mimeType: string;
      /** To be read to its end before the next part. */
      readonly bytes: AsyncIterable<Buffer>;
    };

const limits = {
  fields: 16,
  parts: 32,
  fieldSize: 1_024,
  headerPairs: 32,
  // Counted where the bytes are taken.
  fileSize: Number.MAX_SAFE_INTEGER,
} as const;

/**
 * Reads a multipart form part by part, as they come. Whatever is wrong with it is thrown as a
 * `BrokerError`; what is left of the body is then thrown away.
 */
export async function* readForm(
  request: FastifyRequest,
  { tooLarge, maxBodyBytes, signal }: FormOptions,
): AsyncGenerator<FormPart, void, undefined> {
  const { raw } = request;
  let file: { destroy(error?: Error): unknown } | undefined;
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined);
  const stop = (error: Error): void => {
    stopped.reject(error);
    file?.destroy(error);
  };
  const onAbort = (): void => stop(signal.reason as Error);
  let received = 0;
  const count = (bytes: Buffer): void => {
    received += bytes.length;
    if (received > maxBodyBytes) stop(tooLarge());
  };

  signal.addEventListener("abort", onAbort, { once: true });
  raw.on("data", count);
  const parts = request.parts({ limits });
  try {
    if (signal.aborted) onAbort();
    for (;;) {
      const { done, value: part } = await Promise.race([parts.next(), stopped.promise]);
      if (done === true) return;
      if (part.type === "field") yield readField(part);
      else {
        file = part.file;
        yield {
          type: "file",
          name: nameOf(part.fieldname),
          filename: nameOf(part.filename),
          mimeType: nameOf(part.mimetype),
          bytes: readable(part.file),
        };
        file = undefined;
      }
    }
  } catch (error) {
    throw complaintOf(error);
  } finally {
    signal.removeEventListener("abort", onAbort);
    raw.off("data", count);
    file?.destroy();
    if (!raw.readableEnded) {
      raw.unpipe();
      raw.resume();
    }
  }
}

function readField(part: {
  readonly fieldname: string | undefined;
  readonly value: unknown;
  readonly valueTruncated: boolean;
}): FormPart {
  const name = nameOf(part.fieldname);
  if (part.valueTruncated || typeof part.value !== "string")
    throw new BrokerError("invalid_request", `${name.slice(0, 64)}: it is too long or no text.`, {
      param: name.slice(0, 64),
    });
  return { type: "field", name, value: part.value };
}

/** A part without a name has none, whatever the types of the parser say. */
function nameOf(name: string | undefined): string {
  return name ?? "";
}

/** A file whose errors are told as those of the form. */
async function* readable(file: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* file;
  } catch (error) {
    throw complaintOf(error);
  }
}

function complaintOf(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const message =
    code === "FST_FIELDS_LIMIT" || code === "FST_PARTS_LIMIT"
      ? "The form has more fields than this server takes."
      : "The body is no whole multipart form.";
  return new BrokerError("invalid_request", message, { cause: error });
}
