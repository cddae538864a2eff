import type { ProviderSink } from "../provider.ts";
import type { AnswerReader } from "./answer-reader.ts";
import { CallStopped, failed, type CallEnd } from "./call-stopped.ts";
import type { Exchange, ResponseHead } from "./exchange.ts";
import { readInBandError } from "./in-band-error.ts";
import type { ReadLimits } from "./read-limits.ts";
import { readSmallBody } from "./read-refusal.ts";
import type { Seen } from "./seen.ts";

export interface StreamRequest {
  readonly reader: AnswerReader;
  readonly sink: ProviderSink;
  readonly idleMs: number;
  readonly limits: ReadLimits;
}

/**
 * Passes a stream on to the sink, up to its last events, and returns those as `tail`.
 * Nothing reaches the sink before the first event that is not an error. Throws `CallStopped`.
 */
export async function readStream(
  exchange: Exchange,
  head: ResponseHead,
  { reader, sink, idleMs, limits }: StreamRequest,
  seen: Seen,
): Promise<CallEnd> {
  const contentType = head.headers["content-type"] ?? "";
  if (!/^text\/event-stream\b/i.test(contentType)) {
    const error = readInBandError(await readSmallBody(exchange, limits));
    return error ?? failed("malformed", "not an event stream");
  }
  let forwarding = false;
  for (;;) {
    const bytes = await exchange.read();
    const step = bytes === undefined ? reader.end() : reader.push(bytes);
    seen.outputBytes = reader.outputBytes;
    seen.usage = reader.usage;
    if (reader.started && seen.ttftMs === null) {
      seen.ttftMs = seen.elapsedMs();
      exchange.allowGapsOf(idleMs);
    }
    if (step.failure !== undefined && !forwarding) throw new CallStopped(step.failure);
    if (reader.started && !forwarding) {
      forwarding = true;
      sink.head();
    }
    if (step.text !== "") await exchange.whileOpen(sink.write(step.text));
    if (step.failure !== undefined) throw new CallStopped(step.failure);
    if (step.tail !== undefined) {
      await discardRest(exchange, limits.drainMs);
      if (step.response === undefined) return { kind: "ok", contentType, tail: step.tail };
      const { body, status } = step.response;
      const { tail } = step;
      return { kind: "ok", contentType: "application/json", body, tail, responseStatus: status };
    }
  }
}

/** Lets the HTTP message end, so that its socket can be used again; what comes is ignored. */
async function discardRest(exchange: Exchange, withinMs: number): Promise<void> {
  exchange.allowOnly(withinMs);
  try {
    for (;;) if ((await exchange.read()) === undefined) return;
  } catch (error) {
    // The answer is whole: an abort, a deadline or a broken socket only costs the socket now.
    if (!(error instanceof CallStopped)) throw error;
  }
}
