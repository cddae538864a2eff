export interface ByteRange {
  readonly start: number;
  /** The offset behind the last byte. */
  readonly end: number;
}

const ONE_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

/**
 * Finds the part of a file of `size` bytes that a `Range` header asks for (RFC 9110, 14.2). Returns
 * `whole` without such a header, or for a header that may be ignored, such as several ranges.
 * Returns `none` for a part that does not exist.
 */
export function byteRange(header: string | undefined, size: number): ByteRange | "whole" | "none" {
  const [, first, last] = (header !== undefined && ONE_RANGE.exec(header)) || [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return "whole";
  if (first === "") {
    const length = Math.min(Number(last), size);
    if (Number(last) === 0) return "none";
    return length === 0 ? "whole" : { start: size - length, end: size };
  }
  const start = Number(first);
  if (last !== "" && BigInt(last) < BigInt(first)) return "whole";
  if (start >= size) return "none";
  return { start, end: last === "" ? size : Math.min(Number(last) + 1, size) };
}
