import { validateHeaderValue } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { ProviderConfig } from "../../config/config.ts";
import { endpoints } from "../../shared/contracts/endpoint.ts";
import type { EngineInfo } from "../engines/engine-info.ts";
import { assumedEngine } from "../engines/known-engines.ts";
import type { Provider, ProviderCall, ProviderSink } from "./provider.ts";
import { ResponseCalls } from "./openai/response-calls.ts";
import { CallStopped, failed, type CallEnd, type FailedEnd } from "./call-end.ts";
import { sourceOf } from "./http/byte-source.ts";
import { shapeBody } from "./sse/body-shape.ts";
import { createConnections } from "./http/connections.ts";
import { decodeBody } from "./http/decode-body.ts";
import { Exchange } from "./http/exchange.ts";
import { floatEmbeddings } from "./openai/float-embeddings.ts";
import { GenerationCalls } from "./openai/generation-calls.ts";
import type { PreparedCall } from "./wire-format.ts";
import { checkKey, probe } from "./probe.ts";
import { readAnswer } from "./openai/read-answer.ts";
import { defaultReadLimits, type ReadLimits } from "./http/read-limits.ts";
import { readableCalls } from "./openai/readable-calls.ts";
import { readRefusal } from "./read-error-response.ts";
import { readStream } from "./read-stream.ts";
import type { CallProgress } from "./call-progress.ts";
import { wholeEvents } from "./openai/whole-events.ts";

const probeTimeoutMs = 3000;

/**
 * A provider that speaks the OpenAI API over HTTP/1.1, with a connection pool of its own.
 * Throws when the API key cannot be sent in a header.
 */
export function createOpenAiProvider(
  config: ProviderConfig,
  limits: ReadLimits = defaultReadLimits,
  now: () => number = Date.now,
  engine: () => EngineInfo = () => assumedEngine(config),
): Provider {
  const { timeouts } = config;
  const responses = new ResponseCalls(config, limits, now, engine);
  const generations = new GenerationCalls(config, limits, now, engine);
  const base = new URL(config.baseUrl);
  const basePath = base.pathname.replace(/\/+$/, "");
  const connections = createConnections(base.origin, config.slots, timeouts.connectMs);
  /** Calls in flight. */
  const open = new Set<Exchange>();
  const credential: Record<string, string> = {};
  if (config.apiKey !== undefined) {
    credential["authorization"] = `Bearer ${config.apiKey}`;
    validateHeaderValue("authorization", credential["authorization"]);
  }

  function prepare(request: ProviderCall): PreparedCall | FailedEnd {
    const calls = request.endpoint === "responses" ? responses : generations;
    return calls.prepare(request);
  }

  async function call(request: ProviderCall, sink: ProviderSink) {
    const startedAt = performance.now();
    let ttftMs: number | null = null;
    const seen: CallProgress = {
      outputBytes: 0,
      usage: undefined,
      get ttftMs() {
        return ttftMs;
      },
      set ttftMs(ms) {
        ttftMs = ms;
        request.onFirstByte?.();
      },
      hidesOutput: false,
      elapsedMs: () => Math.round(performance.now() - startedAt),
    };
    if (request.signal.aborted) {
      return { kind: "aborted", sent: false, gotHeaders: false, ...counts(seen) } as const;
    }
    const prepared = prepare(request);
    if ("kind" in prepared) {
      return { ...prepared, sent: false, gotHeaders: false, ...counts(seen) };
    }
    seen.hidesOutput = prepared.isUnstreamed === true;
    const exchange = new Exchange(
      connections,
      {
        method: "POST",
        path: basePath + endpoints[prepared.endpoint] + base.search,
        headers: {
          ...credential,
          "content-type": "application/json",
          accept:
            prepared.reader === undefined || prepared.isUnstreamed === true
              ? "application/json"
              : "text/event-stream, application/json",
          "accept-encoding": "identity",
          "user-agent": "spillway",
          "x-client-request-id": request.requestId,
          ...(engine().requestIdHeader === undefined
            ? {}
            : { [engine().requestIdHeader ?? ""]: request.requestId }),
        },
        body: prepared.body,
      },
      timeouts,
    );
    open.add(exchange);
    const abort = () => exchange.stop({ kind: "aborted" });
    request.signal.addEventListener("abort", abort, { once: true });
    try {
      const end = withoutKey(
        await converse(exchange, request, prepared, sink, seen),
        config.apiKey,
      );
      return { ...end, sent: exchange.sent, gotHeaders: exchange.gotHeaders, ...counts(seen) };
    } finally {
      request.signal.removeEventListener("abort", abort);
      open.delete(exchange);
      if (!exchange.isComplete) {
        abort();
        await connections.closed();
        // Until the engine has let go the call is in flight there.
        if (exchange.sent && request.onCut !== undefined) request.onCut();
        else if (exchange.sent) await sleep(engine().letGo.generatingMs);
      }
    }
  }

  async function converse(
    exchange: Exchange,
    request: ProviderCall,
    { endpoint, reader, delivers, onRefusal }: PreparedCall,
    sink: ProviderSink,
    seen: CallProgress,
  ): Promise<CallEnd> {
    const { idleMs } = timeouts;
    try {
      const head = await exchange.head();
      const { "content-encoding": encoding, "content-type": type } = head.headers;
      const decoded = decodeBody(exchange, encoding, limits.answerBytes);
      if (head.status >= 300) return onRefusal(await readRefusal(exchange, decoded, head, limits));
      const { shape, body } = await shapeBody(decoded, type);
      if (shape === "events" && reader !== undefined)
        return await readStream(exchange, body, { reader, sink, idleMs, limits }, seen);
      const asked = { call: { ...request, endpoint }, idleMs, limits, contentType: type };
      const whole = await readAnswer(exchange, body, asked, seen);
      if (whole.events !== undefined && reader !== undefined) {
        const events = sourceOf(Buffer.from(whole.events));
        return await readStream(exchange, events, { reader, sink, idleMs, limits }, seen);
      }
      const contentType = jsonType(type);
      if (reader === undefined) return { kind: "ok", contentType, body: floatEmbeddings(whole) };
      if (delivers === "whole") return { kind: "ok", contentType, body: readableCalls(whole) };
      const { usage } = seen;
      try {
        const events = sourceOf(Buffer.from(wholeEvents(whole.answer, endpoint)));
        return await readStream(exchange, events, { reader, sink, idleMs, limits }, seen);
      } finally {
        seen.usage = usage;
      }
    } catch (error) {
      if (error instanceof CallStopped) return error.end;
      throw error;
    }
  }

  const probed = { baseUrl: config.baseUrl, headers: credential, timeoutMs: probeTimeoutMs };
  return {
    name: config.name,
    call,
    probe: (signal) => probe(probed, signal),
    checkKey: (signal) => checkKey(probed, signal),
    cutSilent(silentMs) {
      for (const exchange of open)
        if (exchange.silentMs() >= silentMs)
          exchange.stop(failed("cut", "silent, while the provider refuses connections"));
    },
    close: () => connections.close(),
  };
}

/** An answer is JSON in UTF-8 by now, whatever its label said. */
function jsonType(type = ""): string {
  const isOther = /charset=/i.test(type) && !/charset="?utf-?8/i.test(type);
  return /json/i.test(type) && !isOther ? type : "application/json";
}

/** An upstream that quotes the request's headers must not hand our key to callers or logs. */
function withoutKey(end: CallEnd, apiKey: string | undefined): CallEnd {
  if (end.kind !== "failed" || !apiKey) return end;
  const hide = (text: string) => text.replaceAll(apiKey, "[key]");
  const detail = hide(end.detail);
  if (end.error === undefined) return { ...end, detail };
  const { message, code, param } = end.error;
  const error = {
    message: hide(message),
    ...(code === undefined ? {} : { code: hide(code) }),
    ...(param === undefined ? {} : { param: hide(param) }),
  };
  return { ...end, detail, error };
}

function counts({ outputBytes, usage, ttftMs, hidesOutput }: CallProgress) {
  return { outputBytes, usage, ttftMs, ...(hidesOutput ? { hidesOutput: true as const } : {}) };
}
