import { EventSourceParserStream } from "eventsource-parser/stream";
import { asObject } from "../../shared/json/json-object.ts";
import { errorText } from "../error-text.ts";
import { fetchCause } from "./fetch-failure.ts";
import { errorIn, RequestError } from "./request-error.ts";

/** One event of a streamed chat completion. */
export interface ChatPiece {
  readonly text: string;
  /** Only the last pieces have one. */
  readonly finishReason: string | undefined;
}

/**
 * Yields the pieces of a streamed chat completion as they come. Throws `RequestError` for an error
 * in the stream, and when the stream ends before it says that it is complete.
 */
export async function* chatPieces(response: Response): AsyncGenerator<ChatPiece> {
  if (response.body === null) throw cut();
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  try {
    for await (const { data } of events) {
      if (data === "[DONE]") return;
      const problem = errorIn(data);
      if (problem !== undefined) throw new RequestError(problem);
      const piece = pieceOf(data);
      if (piece !== undefined) yield piece;
    }
  } catch (error) {
    throw error instanceof RequestError ? error : cut(error);
  }
  throw cut();
}

function pieceOf(data: string): ChatPiece | undefined {
  const { choices } = (JSON.parse(data) ?? {}) as { choices?: unknown };
  const choice = asObject(Array.isArray(choices) ? (choices as unknown[])[0] : undefined);
  if (choice === undefined) return undefined;
  const delta = asObject(choice["delta"]) ?? {};
  const text = delta["content"] ?? delta["refusal"];
  const finishReason = choice["finish_reason"];
  return {
    text: typeof text === "string" ? text : "",
    finishReason: typeof finishReason === "string" ? finishReason : undefined,
  };
}

function cut(cause?: unknown): RequestError {
  const why = cause === undefined ? "" : ` (${errorText(fetchCause(cause))})`;
  return new RequestError(`the stream broke off before the answer was complete${why}`, { cause });
}
