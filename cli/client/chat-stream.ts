import { EventSourceParserStream } from "eventsource-parser/stream";
import { asObject } from "../../shared/json/json-object.ts";
import { errorText } from "../error-text.ts";
import { errorIn, RequestError } from "./request-error.ts";

/** What one event of a streamed chat completion adds. */
export interface ChatPiece {
  readonly text: string;
  /** Only the last pieces have one. */
  readonly finishReason: string | undefined;
}

/**
 * The pieces of a streamed chat completion, as they come. Throws `RequestError` for an error in the
 * stream, and when it ends without having said that it is complete.
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
  const why = cause === undefined ? "" : ` (${errorText(deepest(cause))})`;
  return new RequestError(`the stream broke off before the answer was complete${why}`, { cause });
}

/** `fetch` says "terminated" and keeps the reason below. */
function deepest(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error;
}
