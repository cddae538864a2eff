import type { ProviderConfig } from "../../../config/config.ts";
import { mayExceedDouble, parseExact } from "../../../shared/json/exact-json.ts";
import type { JsonObject } from "../../../shared/json/json-object.ts";
import { findUntranslatable } from "../../../shared/responses/find-untranslatable.ts";
import type { Untranslatable } from "../../../shared/responses/untranslatable.ts";
import { failed, type FailedEnd } from "../call-end.ts";
import type { EngineInfo } from "../../engines/engine-info.ts";
import type { PreparedCall } from "../wire-format.ts";
import type { ReadLimits } from "../http/read-limits.ts";
import type { ProviderCall } from "../provider.ts";
import { chatBody } from "../responses/chat-body.ts";
import { isStrict, reasoningFieldsOf } from "./reasoning-fields.ts";
import { CompactionSource } from "../responses/compaction-source.ts";
import { ChatSource } from "../responses/chat-source.ts";
import { isMissingEndpoint } from "./missing-endpoint.ts";
import { nativeBody } from "./native-body.ts";
import { findPassedOver } from "./native-limits.ts";
import { NativeSource } from "./native-source.ts";
import { ResponseReader } from "../responses/response-reader.ts";
import type { AskedResponse, ResponseSource } from "../responses/response-source.ts";

/** How long an upstream without `/v1/responses` is not asked for it again. */
const TRANSLATE_MS = 600_000;

/** How one provider serves responses: itself, or through chat completions. */
export class ResponseCalls {
  readonly #config: ProviderConfig;
  readonly #limits: ReadLimits;
  readonly #now: () => number;
  readonly #engine: () => EngineInfo;
  #translateUntil = Number.NEGATIVE_INFINITY;

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

  /** A response request as it goes out here, or why it cannot. */
  prepare(call: ProviderCall): PreparedCall | FailedEnd {
    const { response: context, maxOutputTokens } = call;
    if (context === undefined) throw new Error("a response request without its facts");
    const body = parseBody(call.body);
    const asked: AskedResponse = {
      body,
      context: { ...context, maxOutputTokens },
      now: this.#now,
    };
    if (this.#translates()) return this.#translated(call, asked);
    const problem = findPassedOver(this.#engine(), body);
    if (problem === undefined) return this.#native(call, asked);
    // What the engine's own endpoint would pass over, it may still take through chat completions.
    const isTranslatable = findUntranslatable(body) === undefined;
    if (isTranslatable || this.#config.responses === "auto") return this.#translated(call, asked);
    return unsupported("the engine would pass over a part of the request", problem);
  }

  #translates(): boolean {
    const { responses } = this.#config;
    if (responses !== "auto") return responses === "translate";
    return this.#engine().responses === "translate" || this.#now() < this.#translateUntil;
  }

  #native(call: ProviderCall, asked: AskedResponse): PreparedCall {
    const { location, responses } = this.#config;
    const { model, maxOutputTokens, streamOptions } = call;
    return {
      endpoint: "responses",
      body: nativeBody(asked.body, {
        model,
        maxOutputTokens,
        location,
        ...(streamOptions === undefined ? {} : { streamOptions }),
      }),
      reader: this.#reader(new NativeSource(asked, this.#engine().name !== "openai"), asked),
      onRefusal: (end) => {
        if (responses !== "auto" || !isMissingEndpoint(end)) return end;
        this.#translateUntil = this.#now() + TRANSLATE_MS;
        return { ...end, reason: "no_endpoint" };
      },
    };
  }

  #reader(source: ResponseSource, asked: AskedResponse): ResponseReader {
    const compacts = asked.context.compaction !== undefined;
    return new ResponseReader(
      compacts ? new CompactionSource(source, asked) : source,
      this.#limits,
    );
  }

  #translated(call: ProviderCall, asked: AskedResponse): PreparedCall | FailedEnd {
    const problem = findUntranslatable(asked.body);
    if (problem !== undefined)
      return unsupported("chat completions cannot express the request", problem);
    const { model, maxOutputTokens } = call;
    const { maxTokensField } = this.#config;
    const { continuousUsage } = this.#engine();
    const runningIsExact = continuousUsage || call.runningUsageIsExact === true;
    return {
      endpoint: "chat.completions",
      body: chatBody(asked.body, {
        model,
        maxOutputTokens,
        maxTokensField,
        reasoningFields: reasoningFieldsOf(this.#config),
        takesExtras: !isStrict(this.#config.baseUrl),
        continuousUsage,
      }),
      reader: this.#reader(new ChatSource(asked, runningIsExact), asked),
      onRefusal: (end) => end,
    };
  }
}

function unsupported(detail: string, problem: Untranslatable): FailedEnd {
  return { ...failed("unsupported", detail), error: problem };
}

function parseBody(text: string): JsonObject {
  return (mayExceedDouble(text) ? parseExact(text) : JSON.parse(text)) as JsonObject;
}
