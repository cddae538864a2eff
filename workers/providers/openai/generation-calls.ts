import type { ProviderConfig } from "../../../config/config.ts";
import type { EngineInfo } from "../../engines/engine-info.ts";
import type { ProviderCall } from "../provider.ts";
import { builtBody } from "./built-body.ts";
import { requestBody } from "./request-body.ts";
import type { FailedEnd } from "../call-end.ts";
import { canStream } from "./can-stream.ts";
import { ForwardedChunks } from "../chat/forwarded-chunks.ts";
import { GatheredAnswer } from "../chat/gathered-answer.ts";
import type { PreparedCall } from "../wire-format.ts";
import type { ReadLimits } from "../http/read-limits.ts";
import { StreamReader } from "../chat/stream-reader.ts";

/** How long a model that refuses to stream is asked for whole answers. */
const WHOLE_MS = 600_000;

const streamWords = /\bstream(?:ing|ed|_options)?\b/i;
const refusalWords =
  /\b(?:not|cannot|un(?:supported|known|recognized|expected)|extra|invalid|verified|forbidden)\b/i;

/**
 * How one provider is asked for chat completions, completions and embeddings. Whoever waits for a
 * whole answer gets it put together from a stream: so the first byte is a first byte, silence is
 * noticed, engines notice a hang-up, and a call that is cut costs what it has generated.
 */
export class GenerationCalls {
  readonly #config: ProviderConfig;
  readonly #limits: ReadLimits;
  readonly #now: () => number;
  readonly #engine: () => EngineInfo;
  /** Models that refuse to stream, and until when that is believed. */
  readonly #whole = new Map<string, number>();

  /** `now`: Unix time in milliseconds. `engine`: what is known of it by now. */
  constructor(
    config: ProviderConfig,
    limits: ReadLimits,
    now: () => number,
    engine: () => EngineInfo,
  ) {
    this.#config = config;
    this.#limits = limits;
    this.#now = now;
    this.#engine = engine;
  }

  prepare(call: ProviderCall): PreparedCall {
    const { endpoint, model, stream: isForwarded } = call;
    const { maxTokensField } = this.#config;
    const built = builtBody(call);
    if (endpoint === "embeddings") {
      const body = requestBody({ ...call, body: built }, model, maxTokensField);
      return { endpoint, body, onRefusal: (end) => end };
    }
    const stream = isForwarded || this.#mayStream(call);
    const runningUsageIsExact =
      call.runningUsageIsExact === true || (stream && this.#engine().continuousUsage);
    const body = requestBody(
      { ...call, body: built, stream, ...streamOptions(call, runningUsageIsExact) },
      model,
      maxTokensField,
    );
    const { eventChars, answerBytes } = this.#limits;
    const output = isForwarded
      ? new ForwardedChunks(call, runningUsageIsExact)
      : new GatheredAnswer(endpoint);
    const heldChars = isForwarded ? eventChars : answerBytes;
    return {
      endpoint,
      body,
      reader: new StreamReader({ ...call, runningUsageIsExact }, output, { eventChars, heldChars }),
      delivers: isForwarded ? "events" : "whole",
      ...(stream ? {} : { isUnstreamed: true }),
      onRefusal: (end) => (stream && !isForwarded ? this.#learn(model, end) : end),
    };
  }

  #mayStream(call: ProviderCall): boolean {
    if (!this.#config.streamUpstream || !canStream(call)) return false;
    return this.#now() >= (this.#whole.get(call.model) ?? 0);
  }

  /** Nobody has asked for the stream that is refused: the next call asks for a whole answer. */
  #learn(model: string, end: FailedEnd): FailedEnd {
    const { status = 0, error } = end;
    const isRefused = status >= 400 && status < 502 && status !== 401 && status !== 429;
    const names = streamWords.test(error?.param ?? "");
    const says = streamWords.test(error?.message ?? "") && refusalWords.test(error?.message ?? "");
    if (!isRefused || (!names && !says)) return end;
    if (this.#whole.size >= 1000) this.#whole.clear();
    this.#whole.set(model, this.#now() + WHOLE_MS);
    return { ...end, reason: "no_endpoint" };
  }
}

function streamOptions(
  { streamOptions: asked }: ProviderCall,
  isRunning: boolean,
): Pick<ProviderCall, "streamOptions"> {
  if (!isRunning) return asked === undefined ? {} : { streamOptions: asked };
  const options = JSON.parse(asked ?? "{}") as object;
  return { streamOptions: JSON.stringify({ ...options, continuous_usage_stats: true }) };
}
