const TOKEN = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;

/** Turns the NaN and Infinity that Python writes into JSON, for log probabilities, into null. */
export function withoutNaN(text: string): string {
  if (!/\bNaN\b|\bInfinity\b/.test(text)) return text;
  return text.replace(TOKEN, (each) => (each.startsWith('"') ? each : "null"));
}

/**
 * Splits a text into the JSON texts of its objects, one after the other or in a list. Returns
 * undefined if there is something else between them.
 */
export function splitJson(text: string): readonly string[] | undefined {
  const texts: string[] = [];
  let depth = 0;
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isQuoted) {
      if (character === "\\") at += 1;
      else if (character === '"') isQuoted = false;
    } else if (depth === 0 && character === "{") {
      start = at;
      depth = 1;
    } else if (depth === 0) {
      if (!/[\s,[\]]/.test(character ?? "")) return undefined;
    } else if (character === '"') isQuoted = true;
    else if (character === "{" || character === "[") depth += 1;
    else if (character === "}" || character === "]") {
      depth -= 1;
      if (depth === 0) texts.push(text.slice(start, at + 1));
    }
  }
  return depth === 0 && texts.length > 0 ? texts : undefined;
}
