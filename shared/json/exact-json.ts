/** What V8 has of the JSON source text proposal, and the compiler's library not yet. */
interface SourceTextJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, at: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
}

/** A digit and fifteen more digits or points: shorter numbers survive a double exactly. */
const LONG_NUMBER = /\d[\d.]{15}/;

/** Whether a JSON text may hold a number that a double cannot carry. */
export function mayExceedDouble(text: string): boolean {
  return LONG_NUMBER.test(text);
}

/**
 * Parses a JSON text that is known to be valid so that `JSON.stringify` writes every number as it
 * was written. Numbers that a double would change come as raw JSON objects: for re-serialising
 * only, not for reading.
 */
export function parseExact(text: string): unknown {
  const json = JSON as unknown as SourceTextJson;
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && String(value) !== source
      ? json.rawJSON(source)
      : value,
  );
}
