import { setTimeout as sleep } from "node:timers/promises";
import type { ProviderConfig } from "../../config/config.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { EngineInfo } from "../engines/engine-info.ts";
import { CallStopped, failed, type CallEnd } from "./call-end.ts";
import { CallProgress } from "./call-progress.ts";
import { hideKey } from "./hide-key.ts";
import { byteSource } from "./http/byte-source.ts";
import type { Connections } from "./http/connections.ts";
import { decodeBody } from "./http/decode-body.ts";
import { Exchange, type OutgoingRequest } from "./http/exchange.ts";
import type { ReadLimits } from "./http/read-limits.ts";
import type { ProviderCall, ProviderSink } from "./provider.ts";
import { readBody, readErrorBody } from "./read-body.ts";
import { readStream } from "./read-stream.ts";
import type { PreparedCall, WireFormat } from "./wire-format.ts";

/** One provider as its calls reach it. */
export interface Upstream {
  readonly format: WireFormat;
  readonly baseUrl: URL;
  readonly connections: Connections;
  /** The exchanges of calls in flight. */
  readonly exchanges: Set<Exchange>;
  readonly timeouts: ProviderConfig["timeouts"];
  readonly limits: ReadLimits;
  /** The key is kept out of everything that a call reports. */
  readonly apiKey: string | undefined;
  /** Returns the engine as far as it is known by now. */
  readonly engine: () => Pick<EngineInfo, "requestIdHeader" | "letGo">;
}

/**
 * Makes one call. It resolves only when its socket is free: closed, or back in the pool. It never
 * throws for what the upstream does.
 */
export async function callProvider(
  upstream: Upstream,
  call: ProviderCall,
  sink: ProviderSink,
): Promise<ProviderOutcome> {
  const { format, exchanges } = upstream;
  const { signal } = call;
  const progress = new CallProgress(call.onFirstByte);
  const unsent = <End extends CallEnd>(end: End) =>
    ({ ...end, sent: false, gotHeaders: false, ...progress.counts() }) as const;
  if (signal.aborted) return unsent({ kind: "aborted" });
  const prepared = format.prepare(call);
  if ("kind" in prepared) return unsent(prepared);
  const request = await format.sign(requestOf(upstream, call, prepared));
  if ("kind" in request) return unsent(request);
  if (signal.aborted) return unsent({ kind: "aborted" });
  progress.hidesOutput = prepared.isUnstreamed === true;
  const exchange = new Exchange(upstream.connections, request, upstream.timeouts);
  exchanges.add(exchange);
  const abort = () => exchange.stop({ kind: "aborted" });
  signal.addEventListener("abort", abort, { once: true });
  try {
    const end = await converse(exchange, upstream, prepared, sink, progress);
    const { sent, gotHeaders } = exchange;
    return { ...hideKey(end, upstream.apiKey), sent, gotHeaders, ...progress.counts() };
  } finally {
    signal.removeEventListener("abort", abort);
    exchanges.delete(exchange);
    if (!exchange.isComplete) {
      abort();
      await upstream.connections.closed();
      // Until the engine has let go, the call is in flight there.
      if (exchange.sent && call.onCut !== undefined) call.onCut();
      else if (exchange.sent) await sleep(upstream.engine().letGo.generatingMs);
    }
  }
}

function requestOf(
  { baseUrl, engine }: Upstream,
  { requestId }: ProviderCall,
  { path, headers, body }: PreparedCall,
): OutgoingRequest {
  const { requestIdHeader } = engine();
  return {
    method: "POST",
    path: baseUrl.pathname.replace(/\/+$/, "") + path + baseUrl.search,
    headers: {
      ...headers,
      "accept-encoding": "identity",
      "user-agent": "spillway",
      "x-client-request-id": requestId,
      ...(requestIdHeader === undefined ? {} : { [requestIdHeader]: requestId }),
    },
    body,
  };
}

/** Reads the answer to its end. */
async function converse(
  exchange: Exchange,
  upstream: Upstream,
  prepared: PreparedCall,
  sink: ProviderSink,
  progress: CallProgress,
): Promise<CallEnd> {
  const { format, limits } = upstream;
  const { idleMs } = upstream.timeouts;
  const { reader } = prepared;
  try {
    const { status, headers } = await exchange.head();
    const { "content-encoding": encoding, "content-type": type } = headers;
    const decoded = decodeBody(exchange, encoding, limits.answerBytes);
    if (status >= 300) {
      const body = await readErrorBody(exchange, decoded, limits);
      const end = format.readError({ status, headers, body });
      return prepared.onError?.(end) ?? end;
    }
    const { shape, body } = await format.shapeOf(decoded, type);
    const stream = { sink, idleMs, drainMs: limits.drainMs };
    if (shape === "events" && reader !== undefined)
      return await readStream(exchange, body, { reader, ...stream }, progress);
    const { answerBytes } = limits;
    const bytes = await readBody(exchange, body, { idleMs, answerBytes }, progress);
    const whole = prepared.readWhole(bytes, type);
    progress.outputBytes = whole.outputBytes;
    progress.usage = whole.usage;
    if (whole.kind === "failed") return whole.failure;
    if (whole.kind === "body") return { kind: "ok", contentType: jsonType(type), body: whole.body };
    if (reader === undefined) return failed("malformed", "a stream where none can be read");
    try {
      const events = byteSource(Buffer.from(whole.events));
      return await readStream(exchange, events, { reader, ...stream }, progress);
    } finally {
      if (whole.kind === "retold") progress.usage = whole.usage;
    }
  } catch (error) {
    if (error instanceof CallStopped) return error.end;
    throw error;
  }
}

/** By now an answer is JSON in UTF-8, whatever its label said. */
function jsonType(type = ""): string {
  const isOther = /charset=/i.test(type) && !/charset="?utf-?8/i.test(type);
  return /json/i.test(type) && !isOther ? type : "application/json";
}
