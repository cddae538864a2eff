import { invalid } from "./body-fields.ts";

/** One input; a prompt given as tokens has no text. */
export interface Prompt {
  /** Everything that counts as input. */
  readonly text: string;
  /** The last user message or the prompt, which may contain `[sim …]` directives. */
  readonly lastText: string;
  /** Tells whether the last message is the user's, so that no tool result has come since. */
  readonly endsWithUser: boolean;
  readonly tokens: number;
}

/** Makes a prompt from text, with one token for each four bytes. */
export function textPrompt(text: string): Prompt {
  const tokens = Math.ceil(Buffer.byteLength(text) / 4);
  return { text, lastText: text, endsWithUser: true, tokens };
}

/** Reads prompts of completions and embeddings: text, tokens, or a list of these. */
export function readPrompts(field: string, value: unknown): Prompt[] {
  if (typeof value === "string") return [textPrompt(value)];
  if (!Array.isArray(value) || value.length === 0) {
    throw invalid(field, "must be text, tokens, or a list of these");
  }
  const items: readonly unknown[] = value;
  if (items.every(isToken)) return [tokenPrompt(items.length)];
  return items.map((item) => {
    if (typeof item === "string") return textPrompt(item);
    if (Array.isArray(item) && item.length > 0 && item.every(isToken)) {
      return tokenPrompt(item.length);
    }
    throw invalid(field, "must be text, tokens, or a list of these");
  });
}

function tokenPrompt(tokens: number): Prompt {
  return { text: "", lastText: "", endsWithUser: true, tokens };
}

function isToken(value: unknown): boolean {
  return Number.isInteger(value);
}
