import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

/**
 * Counts the fewest tokens that a request's prompt can be: no tokenizer in use makes one token of two
 * words with blanks between them. In a list of prompts the longest counts. `body`: the caller's JSON.
 */
export function leastTokens(body: string): number {
  const { messages, prompt, input } = JSON.parse(body) as JsonObject;
  if (Array.isArray(messages)) return sum(messages.map((message) => wordsOfMessage(message)));
  if (prompt !== undefined) return longestPrompt(prompt);
  const isItems = Array.isArray(input) && input.some((item) => asObject(item) !== undefined);
  return isItems ? sum(input.map((item) => wordsOfMessage(item))) : longestPrompt(input);
}

function longestPrompt(prompts: unknown): number {
  if (typeof prompts === "string") return words(prompts);
  if (!Array.isArray(prompts)) return 0;
  if (typeof prompts[0] === "number") return prompts.length;
  return prompts.reduce((most: number, prompt) => Math.max(most, longestPrompt(prompt)), 0);
}

function wordsOfMessage(message: unknown): number {
  const content = asObject(message)?.["content"];
  if (typeof content === "string") return words(content);
  if (!Array.isArray(content)) return 0;
  return sum(
    content.map((part) => {
      const text = asObject(part)?.["text"];
      return typeof text === "string" ? words(text) : 0;
    }),
  );
}

function words(text: string): number {
  return text.match(/\S+/g)?.length ?? 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
