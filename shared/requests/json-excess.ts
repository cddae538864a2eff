const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
const CLOSE_ARRAY = 0x5d;
const CLOSE_OBJECT = 0x7d;
const COLON = 0x3a;

interface JsonLimits {
  readonly depth: number;
  /**
   * Arrays, objects and members of objects count as parts. Texts and numbers in arrays cost next to
   * nothing.
   */
  readonly parts: number;
}

/**
 * Returns the limit that a JSON text exceeds: `depth` when arrays and objects are nested too
 * deeply, `parts` when there are too many. It reads bytes before anything is parsed, so that a
 * hostile text costs neither stack nor memory, nor seconds in which no other request is answered.
 */
export function findExcess(json: Buffer, limits: JsonLimits): keyof JsonLimits | undefined {
  let depth = 0;
  let parts = 0;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = endOfString(json, at + 1);
    } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
      if (++depth > limits.depth) return "depth";
      parts++;
    } else if (byte === COLON) {
      parts++;
    } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
      depth--;
    }
  }
  return parts > limits.parts ? "parts" : undefined;
}

/** Returns the index of the quote that ends the string, or the length of the text. */
function endOfString(json: Buffer, from: number): number {
  for (let at = from; at < json.length; at++) {
    const byte = json[at];
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
  return json.length;
}
