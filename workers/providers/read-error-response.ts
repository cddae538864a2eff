import { CallStopped, type FailedEnd } from "./call-end.ts";
import { classifyError } from "./errors/classify-error.ts";
import { readUpstreamError } from "./errors/upstream-error.ts";
import type { ByteSource } from "./http/byte-source.ts";
import type { Exchange, ResponseHead } from "./http/exchange.ts";
import type { ReadLimits } from "./http/read-limits.ts";
import { readRetryAfterMs, readToldWaitMs } from "./http/retry-after.ts";

/** Statuses of refusals that pass with time. */
const saysWhen: ReadonlySet<number> = new Set([429, 503, 529]);

/** Reads an answer without a 2xx status and says what it means. Throws only for an abort. */
export async function readRefusal(
  exchange: Exchange,
  body: ByteSource,
  { status, headers }: ResponseHead,
  limits: ReadLimits,
): Promise<FailedEnd> {
  const read = await readSmallBody(exchange, body, limits);
  const upstreamError = readUpstreamError(read);
  const told = saysWhen.has(status) ? readToldWaitMs(read, upstreamError?.message) : undefined;
  return classifyError({
    status,
    upstreamError,
    isJson: typeof read !== "string",
    retryAfterMs: readRetryAfterMs(headers, new Date()) ?? told,
  });
}

/**
 * As much of a body as is worth reading, within a short time: parsed when it is JSON, else its
 * text. A body that breaks off or comes too slowly counts as what was there.
 */
async function readSmallBody(
  exchange: Exchange,
  body: ByteSource,
  limits: ReadLimits,
): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  exchange.allowOnly(limits.refusalMs);
  try {
    while (size <= limits.refusalBytes) {
      const bytes = await body.read();
      if (bytes === undefined) break;
      chunks.push(bytes);
      size += bytes.length;
    }
  } catch (error) {
    if (!(error instanceof CallStopped) || error.end.kind === "aborted") throw error;
  }
  const text = Buffer.concat(chunks).subarray(0, limits.refusalBytes).toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
