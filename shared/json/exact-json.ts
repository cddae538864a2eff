/** The part of the JSON source text proposal that V8 has and the compiler's library lacks. */
interface SourceTextJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, at: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
}

/** Matches a digit and fifteen more digits or points. A double holds shorter numbers exactly. */
const LONG_NUMBER = /\d[\d.]{15}/;

/** Returns true when a JSON text may hold a number that a double cannot hold. */
export function mayExceedDouble(text: string): boolean {
  return LONG_NUMBER.test(text);
}

/**
 * Parses a JSON text that is known to be valid so that `JSON.stringify` writes every number as it
 * was written. Numbers that a double would change become raw JSON objects, which can be serialised
 * but not read.
 */
export function parseExact(text: string): unknown {
  const json = JSON as unknown as SourceTextJson;
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source
      ? json.rawJSON(source)
      : value,
  );
}
