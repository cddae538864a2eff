import type { ProviderCall } from "../provider.ts";
import { builtBody } from "./built-body.ts";
import { requestBody } from "./request-body.ts";
import type { FailedEnd } from "../call-end.ts";
import { canStream } from "./can-stream.ts";
import { ForwardedChunks } from "../chat/forwarded-chunks.ts";
import { GatheredAnswer } from "../chat/gathered-answer.ts";
import type { PreparedCall } from "../wire-format.ts";
import { openChunkFeed } from "./open-chunk-feed.ts";
import type { OpenAiSite } from "./openai-site.ts";
import { preparedCall } from "./prepared-call.ts";
import { StreamReader } from "../chat/stream-reader.ts";

/** A model that refuses to stream is asked for whole answers for this long. */
const WHOLE_MS = 600_000;

const STREAM_WORDS = /\bstream(?:ing|ed|_options)?\b/i;
const REJECTION_WORDS =
  /\b(?:not|cannot|un(?:supported|known|recognized|expected)|extra|invalid|verified|forbidden)\b/i;

/**
 * Writes chat completions, completions and embeddings for one upstream. It asks for a stream even
 * when the caller waits for a whole answer. Then the first byte is the first token, silence is
 * noticed, engines notice a hang-up, and a call that is cut costs only what it has generated.
 */
export class GenerationCalls {
  readonly #site: OpenAiSite;
  /** Models that refuse to stream, each with the time until which this is believed. */
  readonly #whole = new Map<string, number>();

  constructor(site: OpenAiSite) {
    this.#site = site;
  }

  prepare(call: ProviderCall): PreparedCall {
    const { endpoint, model, stream: isForwarded } = call;
    const { config, limits, engine } = this.#site;
    const { maxTokensField } = config;
    const built = builtBody(call);
    if (endpoint === "embeddings") {
      const body = requestBody({ ...call, body: built }, model, maxTokensField);
      return preparedCall(call, { endpoint, body });
    }
    const stream = isForwarded || this.#mayStream(call);
    const runningUsageIsExact =
      call.runningUsageIsExact === true || (stream && engine().continuousUsage);
    const body = requestBody(
      { ...call, body: built, stream, ...streamOptions(call, runningUsageIsExact) },
      model,
      maxTokensField,
    );
    const { eventChars, answerBytes } = limits;
    const output = isForwarded
      ? new ForwardedChunks(call, runningUsageIsExact)
      : new GatheredAnswer(endpoint);
    const heldChars = isForwarded ? eventChars : answerBytes;
    const reader = new StreamReader({ ...call, runningUsageIsExact }, output, openChunkFeed, {
      eventChars,
      heldChars,
    });
    return preparedCall(call, {
      endpoint,
      body,
      reader,
      wantsWhole: !isForwarded,
      ...(stream ? {} : { isUnstreamed: true }),
      ...(stream && !isForwarded ? { onError: (end) => this.#learn(model, end) } : {}),
    });
  }

  #mayStream(call: ProviderCall): boolean {
    const { config, now } = this.#site;
    if (!config.streamUpstream || !canStream(call)) return false;
    return now() >= (this.#whole.get(call.model) ?? 0);
  }

  /** The refused stream was not the caller's wish, so the next call asks for a whole answer. */
  #learn(model: string, end: FailedEnd): FailedEnd {
    const { status = 0, error } = end;
    const isRejected = status >= 400 && status < 502 && status !== 401 && status !== 429;
    const isNamed = STREAM_WORDS.test(error?.param ?? "");
    const isTold =
      STREAM_WORDS.test(error?.message ?? "") && REJECTION_WORDS.test(error?.message ?? "");
    if (!isRejected || (!isNamed && !isTold)) return end;
    if (this.#whole.size >= 1000) this.#whole.clear();
    this.#whole.set(model, this.#site.now() + WHOLE_MS);
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
