import { prepend, type ByteSource } from "../http/byte-source.ts";

export interface ShapedBody {
  /** What its first characters say, whatever its content type. */
  readonly shape: "events" | "whole";
  readonly body: ByteSource;
}

/** A line of an event stream: a comment, or a field with its colon or alone. */
const EVENT_LINE = /^(?::|(?:data|event|id|retry)(?:[:\r\n]|$))/;
/** No field's name is longer. */
const ENOUGH = 6;

/**
 * Looks whether a body is an event stream; blank lines before its first one tell nothing. Of an empty
 * body there is only the content type to go by.
 */
export async function shapeBody(body: ByteSource, contentType = ""): Promise<ShapedBody> {
  let start = "";
  const pieces: Buffer[] = [];
  while (start.length < ENOUGH) {
    const bytes = await body.read();
    if (bytes === undefined) break;
    // Only blank so far: it need not be kept.
    if (start === "") pieces.length = 0;
    pieces.push(bytes);
    start = (start + bytes.subarray(0, 4096).toString()).replace(/^[\s\uFEFF]+/, "");
    if (start !== "" && (!/^[deir]/.test(start) || start.includes("\n"))) break;
  }
  const isEvents =
    start === "" ? /^text\/event-stream\b/i.test(contentType) : EVENT_LINE.test(start);
  const shape = isEvents ? "events" : "whole";
  return { shape, body: prepend(Buffer.concat(pieces), body) };
}
