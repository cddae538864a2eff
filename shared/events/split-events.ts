/** Whole server-sent events, each with its blank line, from a text of whole events. */
export function splitEvents(text: string): string[] {
  return text
    .split("\n\n")
    .slice(0, -1)
    .map((event) => `${event}\n\n`);
}
