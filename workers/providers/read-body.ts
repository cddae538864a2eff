import { CallStopped, failed } from "./call-end.ts";
import type { CallProgress } from "./call-progress.ts";
import type { ByteSource } from "./http/byte-source.ts";
import type { Exchange } from "./http/exchange.ts";

/** Reads the body of an answer in one piece to its end. Throws `CallStopped`. */
export async function readBody(
  exchange: Exchange,
  body: ByteSource,
  { idleMs, answerBytes }: { readonly idleMs: number; readonly answerBytes: number },
  progress: CallProgress,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const bytes = await body.read();
    if (bytes === undefined) return Buffer.concat(chunks);
    if (progress.hasBegun) exchange.restartDeadline();
    else {
      progress.begin();
      exchange.allowGapsOf(idleMs);
    }
    chunks.push(bytes);
    size += bytes.length;
    // Until the text can be told from its wrapping, the size of all of it bounds what was
    // generated.
    progress.outputBytes = size;
    progress.hidesOutput = false;
    if (size > answerBytes) throw new CallStopped(failed("malformed", "the answer is too large"));
  }
}

/**
 * Reads an error response's body up to a limit and within a short time: parsed if it is JSON, else
 * its text. A body that breaks off or comes too slowly counts as far as it came. Throws only for an
 * abort.
 */
export async function readErrorBody(
  exchange: Exchange,
  body: ByteSource,
  { errorBytes, errorMs }: { readonly errorBytes: number; readonly errorMs: number },
): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  exchange.allowOnly(errorMs);
  try {
    while (size <= errorBytes) {
      const bytes = await body.read();
      if (bytes === undefined) break;
      chunks.push(bytes);
      size += bytes.length;
    }
  } catch (error) {
    if (!(error instanceof CallStopped) || error.end.kind === "aborted") throw error;
  }
  const text = Buffer.concat(chunks).subarray(0, errorBytes).toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
