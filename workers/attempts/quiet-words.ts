const SHOWN_CHARS = 300;
/** A run of so many characters that stands in the request too counts as a quotation. */
const ALIKE_CHARS = 8;
/** A longer request is not searched, and nothing that may quote it is shown. */
const SEARCHED_CHARS = 400_000;
const HIDDEN = "…";

/** The values of these fields are words of the API, not of a caller. */
const apiFields = new Set(["model", "role", "type", "object", "reasoning_effort", "service_tier"]);
/** In these objects the names of fields are a caller's words too. */
const namedByCallers = new Set(["metadata", "properties", "logit_bias"]);

/**
 * Returns an upstream's message as a log may show it: shortened, and without any part that stands
 * in the request's own texts, since engines quote prompts in their errors. Returns undefined if
 * nothing of it may be shown.
 */
export function quietWords(message: string, requestBody: string): string | undefined {
  const shown = plain(message.slice(0, SHOWN_CHARS));
  if (shown === "") return undefined;
  if (requestBody.length > SEARCHED_CHARS) return undefined;
  let body: unknown;
  try {
    body = JSON.parse(requestBody);
  } catch {
    return undefined;
  }
  const texts: string[] = [];
  collect(body, texts);
  const hidden = Array.from({ length: shown.length }, () => false);
  const lower = shown.toLowerCase();
  hideWindows(lower, texts, hidden);
  hideShortTexts(lower, texts, hidden);
  return shortened(shown, hidden);
}

function collect(value: unknown, into: string[], field = "", named = false): void {
  if (typeof value === "string") {
    if (!apiFields.has(field)) into.push(plain(value).toLowerCase());
  } else if (Array.isArray(value)) for (const item of value) collect(item, into, field, named);
  else if (typeof value === "object" && value !== null)
    for (const [key, item] of Object.entries(value)) {
      if (named) into.push(key.toLowerCase());
      collect(item, into, key, named || namedByCallers.has(key));
    }
}

/** Marks every window of the message that occurs in a text. */
function hideWindows(message: string, texts: readonly string[], hidden: boolean[]): void {
  const windows = new Map<string, number[]>();
  for (let at = 0; at + ALIKE_CHARS <= message.length; at += 1) {
    const window = message.slice(at, at + ALIKE_CHARS);
    windows.set(window, [...(windows.get(window) ?? []), at]);
  }
  for (const text of texts)
    for (let at = 0; at + ALIKE_CHARS <= text.length; at += 1)
      for (const start of windows.get(text.slice(at, at + ALIKE_CHARS)) ?? [])
        hidden.fill(true, start, start + ALIKE_CHARS);
}

/** Marks every occurrence of a whole text that is shorter than a window. */
function hideShortTexts(message: string, texts: readonly string[], hidden: boolean[]): void {
  for (const text of texts) {
    if (text.length < 4 || text.length >= ALIKE_CHARS) continue;
    for (let at = message.indexOf(text); at >= 0; at = message.indexOf(text, at + 1))
      hidden.fill(true, at, at + text.length);
  }
}

function shortened(message: string, hidden: readonly boolean[]): string {
  let result = "";
  for (let at = 0; at < message.length; at += 1)
    if (hidden[at] !== true) result += message[at];
    else if (!result.endsWith(HIDDEN)) result += HIDDEN;
  return result;
}

function plain(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim();
}
