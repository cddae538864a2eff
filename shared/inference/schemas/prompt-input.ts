import { z } from "zod";

export type PromptInput = string | readonly string[] | readonly number[] | readonly number[][];

export interface PromptInputRules {
  readonly emptyText: boolean;
}

/**
 * A text, several texts, a prompt as token numbers, or several of those. Written out rather than a
 * union: it names the item at fault, and takes long token lists quickly.
 */
export function promptInput({ emptyText }: PromptInputRules) {
  return z.custom<PromptInput>().superRefine((value: unknown, context) => {
    const refuse = (path: PropertyKey[], message: string): void => {
      context.addIssue({ code: "custom", path, message });
    };
    const checkText = (text: string, path: PropertyKey[]): void => {
      if (text === "" && !emptyText) refuse(path, "Must not be empty");
    };
    if (typeof value === "string") {
      checkText(value, []);
    } else if (!Array.isArray(value)) {
      refuse([], "Invalid input: expected a string or an array of strings or tokens");
    } else if (value.length === 0) {
      refuse([], "Must not be empty");
    } else if (typeof value[0] === "number") {
      checkTokens(value, [], refuse);
    } else {
      const texts = typeof value[0] === "string";
      for (const [index, item] of (value as unknown[]).entries()) {
        if (texts && typeof item === "string") checkText(item, [index]);
        else if (!texts && Array.isArray(item)) checkTokens(item, [index], refuse);
        else
          refuse([index], "Invalid input: expected a string or an array of tokens, as all others");
      }
    }
  });
}

function checkTokens(
  tokens: readonly unknown[],
  path: PropertyKey[],
  refuse: (path: PropertyKey[], message: string) => void,
): void {
  if (tokens.length === 0) refuse(path, "Must not be empty");
  const wrong = tokens.findIndex((token) => !Number.isSafeInteger(token) || (token as number) < 0);
  if (wrong !== -1) refuse([...path, wrong], "Invalid input: expected a token number");
}

/** Prompts that an input of one of the four shapes holds. */
export function countPrompts(input: PromptInput): number {
  return typeof input === "string" || typeof input[0] === "number" ? 1 : input.length;
}
