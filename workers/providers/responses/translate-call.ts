import { findUntranslatable } from "../../../shared/responses/find-untranslatable.ts";
import type { AnswerReader } from "../answer-reader.ts";
import type { FailedEnd } from "../call-end.ts";
import { chatBody, type ChatTarget } from "./chat-body.ts";
import { ChatSource } from "./chat-source.ts";
import { openResponseReader, type ReadingOptions } from "./response-reader.ts";
import { unsupported, type ResponseRequest } from "./response-request.ts";

export interface TranslatedCall {
  /** The body of a streamed chat completion. */
  readonly body: string;
  /** Makes the response from that completion's chunks. */
  readonly reader: AnswerReader;
}

/**
 * Translates a response request into a chat completion, for upstreams that serve no responses.
 * `runningIsExact` is `ProviderCall.runningUsageIsExact`.
 */
export function translateCall(
  request: ResponseRequest,
  target: ChatTarget,
  options: ReadingOptions & { readonly runningIsExact: boolean },
): TranslatedCall | FailedEnd {
  const problem = findUntranslatable(request.body);
  if (problem !== undefined)
    return unsupported("chat completions cannot express the request", problem);
  const source = new ChatSource(request, options.runningIsExact);
  return {
    body: chatBody(request.body, target),
    reader: openResponseReader(source, request, options),
  };
}
