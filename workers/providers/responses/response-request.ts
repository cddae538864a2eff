import type { ResponseContext } from "../../../shared/contracts/response-context.ts";
import { mayExceedDouble, parseExact } from "../../../shared/json/exact-json.ts";
import type { JsonObject } from "../../../shared/json/json-object.ts";
import type { Untranslatable } from "../../../shared/responses/untranslatable.ts";
import { failed, type FailedEnd } from "../call-end.ts";
import type { ProviderCall } from "../provider.ts";

/** A request as its response repeats it. */
export interface ResponseRequest {
  /** The caller's object, with large numbers as they were written. */
  readonly body: JsonObject;
  readonly context: ResponseContext & { readonly maxOutputTokens: number | null };
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

export function responseRequest(call: ProviderCall, now: () => number): ResponseRequest {
  const { body, response: context, maxOutputTokens } = call;
  if (context === undefined) throw new Error("a response request without its context");
  return {
    body: (mayExceedDouble(body) ? parseExact(body) : JSON.parse(body)) as JsonObject,
    context: { ...context, maxOutputTokens },
    now,
  };
}

/** Makes the failure of a request that has a part which the target cannot take. */
export function unsupported(detail: string, problem: Untranslatable): FailedEnd {
  return { ...failed("unsupported", detail), error: problem };
}
