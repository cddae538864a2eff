const NEWLINE = 0x0a;
const BLANK = new Set([0x20, 0x09, 0x0d]);

/** One line of a file, without its line feed. */
export interface FileLine {
  /** The line's number, from 1. */
  readonly number: number;
  /** The offset of its first byte in the file. */
  readonly start: number;
  readonly length: number;
  /** Undefined when it is longer than a line may be. */
  readonly bytes: Buffer | undefined;
}

/** Tells whether the line holds nothing but blanks. */
export function isBlank({ bytes }: FileLine): boolean {
  return bytes !== undefined && bytes.every((byte) => BLANK.has(byte));
}

/**
 * Splits a file into lines, and yields the lines of each chunk together. It holds one line at most,
 * and nothing of a line that is too long. Bytes after the last line feed are a line too.
 */
export async function* splitLines(
  chunks: AsyncIterable<Buffer>,
  maxLineBytes: number,
): AsyncGenerator<readonly FileLine[]> {
  let number = 1;
  let start = 0;
  let length = 0;
  let parts: Buffer[] = [];
  const take = (part: Buffer): void => {
    length += part.length;
    if (length > maxLineBytes) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  const end = (): FileLine => {
    const [only] = parts;
    const whole = parts.length === 1 ? only : Buffer.concat(parts);
    const line = { number, start, length, bytes: length > maxLineBytes ? undefined : whole };
    number++;
    start += length + 1;
    length = 0;
    parts = [];
    return line;
  };
  for await (const chunk of chunks) {
    const lines: FileLine[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, at));
      lines.push(end());
      from = at + 1;
    }
    take(chunk.subarray(from));
    yield lines;
  }
  if (length > 0) yield [end()];
}
