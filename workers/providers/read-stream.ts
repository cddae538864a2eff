import type { AnswerReader, StreamStep } from "./answer-reader.ts";
import { CallStopped, type CallEnd } from "./call-end.ts";
import type { CallProgress } from "./call-progress.ts";
import type { ByteSource } from "./http/byte-source.ts";
import type { Exchange } from "./http/exchange.ts";
import type { ProviderSink } from "./provider.ts";

export interface StreamRequest {
  readonly reader: AnswerReader;
  readonly sink: ProviderSink;
  readonly idleMs: number;
  /** The HTTP message must end within this time once the stream is whole. */
  readonly drainMs: number;
}

/**
 * Passes a stream on to the sink, up to its last events. Returns those as `tail`, or the whole
 * answer that the reader has put together. Nothing reaches the sink before the first event that is
 * not an error. Throws `CallStopped`.
 */
export async function readStream(
  exchange: Exchange,
  body: ByteSource,
  { reader, sink, idleMs, drainMs }: StreamRequest,
  progress: CallProgress,
): Promise<CallEnd> {
  let forwarding = false;
  progress.hidesOutput = false;
  for (;;) {
    const bytes = await body.read();
    const step = bytes === undefined ? reader.end() : reader.push(bytes);
    progress.outputBytes = reader.outputBytes;
    progress.usage = reader.usage;
    if (reader.started && !progress.hasBegun) {
      progress.begin();
      exchange.allowGapsOf(idleMs);
    } else if (reader.started && step.isIdle !== true) exchange.restartDeadline();
    if (step.failure !== undefined && !forwarding) throw new CallStopped(step.failure);
    if (reader.started && !forwarding) {
      forwarding = true;
      sink.head();
    }
    if (step.text !== "") await exchange.whileOpen(sink.write(step.text));
    if (step.failure !== undefined) throw new CallStopped(step.failure);
    if (step.tail !== undefined) {
      await discardRest(exchange, drainMs);
      return endOf({ ...step, tail: step.tail });
    }
  }
}

function endOf({ tail, body, response }: StreamStep & { readonly tail: string }): CallEnd {
  const contentType = "application/json";
  if (body !== undefined) return { kind: "ok", contentType, body };
  if (response === undefined) return { kind: "ok", contentType: "text/event-stream", tail };
  return { kind: "ok", contentType, body: response.body, tail, responseStatus: response.status };
}

/** Lets the HTTP message end, so that its socket can be used again. What still comes is ignored. */
async function discardRest(exchange: Exchange, withinMs: number): Promise<void> {
  exchange.allowOnly(withinMs);
  try {
    for (;;) if ((await exchange.read()) === undefined) return;
  } catch (error) {
    // The answer is whole: an abort, a deadline or a broken socket now costs only the socket.
    if (!(error instanceof CallStopped)) throw error;
  }
}
