import type { FastifyRequest } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";

export interface FormOptions {
  /** Makes the error for a body over its limit. */
  readonly tooLarge: () => BrokerError;
  /** The limit of the whole body. Bytes that belong to no part are read too. */
  readonly maxBodyBytes: number;
  /** Aborts with a `BrokerError`, which the reader then throws. */
  readonly signal: AbortSignal;
}

export type FormPart =
  | { readonly type: "field"; readonly name: string; readonly value: string }
  | {
      readonly type: "file";
      readonly name: string;
      readonly filename: string;
      readonly mimeType: string;
      /** The caller reads the file to its end before it takes the next part. */
      readonly bytes: AsyncIterable<Buffer>;
    };

const limits = {
  fields: 16,
  parts: 32,
  fieldSize: 1_024,
  headerPairs: 32,
  // The bytes are counted where they are stored.
  fileSize: Number.MAX_SAFE_INTEGER,
} as const;

/**
 * Reads a multipart form part by part, as the parts come. Throws a `BrokerError` for whatever is
 * wrong with it. The rest of the body is then discarded.
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
    throw formError(error);
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

/** A part may have no name, although the parser's types say that it has. */
function nameOf(name: string | undefined): string {
  return name ?? "";
}

/** Yields the bytes of a file, whose errors become errors of the form. */
async function* readable(file: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* file;
  } catch (error) {
    throw formError(error);
  }
}

function formError(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error;
  const code = (error as { code?: unknown } | null)?.code;
  const message =
    code === "FST_FIELDS_LIMIT" || code === "FST_PARTS_LIMIT"
      ? "The form has more fields than this server takes."
      : "The body is no whole multipart form.";
  return new BrokerError("invalid_request", message, { cause: error });
}
