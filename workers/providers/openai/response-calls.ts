import { findUntranslatable } from "../../../shared/responses/find-untranslatable.ts";
import type { FailedEnd } from "../call-end.ts";
import type { ProviderCall } from "../provider.ts";
import { openResponseReader } from "../responses/response-reader.ts";
import {
  responseRequest,
  unsupported,
  type ResponseRequest,
} from "../responses/response-request.ts";
import { translateCall } from "../responses/translate-call.ts";
import type { PreparedCall } from "../wire-format.ts";
import { isMissingEndpoint } from "./missing-endpoint.ts";
import { nativeBody } from "./native-body.ts";
import { findPassedOver } from "./native-limits.ts";
import { NativeSource } from "./native-source.ts";
import { openChunkFeed } from "./open-chunk-feed.ts";
import type { OpenAiSite } from "./openai-site.ts";
import { preparedCall } from "./prepared-call.ts";
import { isStrict, reasoningFieldsOf } from "./reasoning-fields.ts";

/** An upstream without `/v1/responses` is not asked for it again for this long. */
const TRANSLATE_MS = 600_000;

/** Writes responses for one upstream, which serves them itself or through chat completions. */
export class ResponseCalls {
  readonly #site: OpenAiSite;
  #translateUntil = Number.NEGATIVE_INFINITY;

  constructor(site: OpenAiSite) {
    this.#site = site;
  }

  prepare(call: ProviderCall): PreparedCall | FailedEnd {
    const { config, engine, now } = this.#site;
    const request = responseRequest(call, now);
    if (this.#translates()) return this.#translated(call, request);
    const problem = findPassedOver(engine(), request.body);
    if (problem === undefined) return this.#native(call, request);
    // Chat completions may still take what the engine's own endpoint would pass over.
    const isTranslatable = findUntranslatable(request.body) === undefined;
    if (isTranslatable || config.responses === "auto") return this.#translated(call, request);
    return unsupported("the engine would pass over a part of the request", problem);
  }

  #translates(): boolean {
    const { config, engine, now } = this.#site;
    if (config.responses !== "auto") return config.responses === "translate";
    return engine().responses === "translate" || now() < this.#translateUntil;
  }

  #native(call: ProviderCall, request: ResponseRequest): PreparedCall {
    const { config, engine, limits } = this.#site;
    const { model, maxOutputTokens, streamOptions } = call;
    const source = new NativeSource(request, engine().hidesResponseCuts);
    return preparedCall(call, {
      endpoint: "responses",
      body: nativeBody(request.body, {
        model,
        maxOutputTokens,
        location: config.location,
        ...(streamOptions === undefined ? {} : { streamOptions }),
      }),
      reader: openResponseReader(source, request, { limits, openChunkFeed }),
      onError: (end) => this.#learn(end),
    });
  }

  #translated(call: ProviderCall, request: ResponseRequest): PreparedCall | FailedEnd {
    const { config, engine, limits } = this.#site;
    const { model, maxOutputTokens } = call;
    const { continuousUsage } = engine();
    const translated = translateCall(
      request,
      {
        model,
        maxOutputTokens,
        maxTokensField: config.maxTokensField,
        reasoningFields: reasoningFieldsOf(config),
        takesExtras: !isStrict(config.baseUrl),
        continuousUsage,
      },
      {
        limits,
        openChunkFeed,
        runningIsExact: continuousUsage || call.runningUsageIsExact === true,
      },
    );
    if ("kind" in translated) return translated;
    return preparedCall(call, { endpoint: "chat.completions", ...translated });
  }

  /** An upstream without the endpoint is asked through chat completions for a while. */
  #learn(end: FailedEnd): FailedEnd {
    const { config, now } = this.#site;
    if (config.responses !== "auto" || !isMissingEndpoint(end)) return end;
    this.#translateUntil = now() + TRANSLATE_MS;
    return { ...end, reason: "no_endpoint" };
  }
}
