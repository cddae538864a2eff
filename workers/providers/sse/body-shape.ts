import { prepend, type ByteSource } from "../http/byte-source.ts";

export interface ShapedBody {
  /** The shape, which the first characters decide, whatever the content type says. */
  readonly shape: "events" | "whole";
  readonly body: ByteSource;
}

/** Matches a line of an event stream: a comment, or a field with its colon or alone. */
const EVENT_LINE = /^(?::|(?:data|event|id|retry)(?:[:\r\n]|$))/;
/** No field's name is longer. */
const FIELD_NAME_CHARS = 6;

/**
 * Finds out whether a body is an event stream. Blank lines at its start say nothing. The content
 * type decides about an empty body.
 */
export async function shapeBody(body: ByteSource, contentType = ""): Promise<ShapedBody> {
  let start = "";
  const pieces: Buffer[] = [];
  while (start.length < FIELD_NAME_CHARS) {
    const bytes = await body.read();
    if (bytes === undefined) break;
    // Blank bytes need not be kept.
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
