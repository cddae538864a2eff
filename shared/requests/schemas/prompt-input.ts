import { z } from "zod";

export type PromptInput = string | readonly string[] | readonly number[] | readonly number[][];

export interface PromptInputRules {
  readonly emptyText: boolean;
}

/** The fault of an input and its path. */
interface Fault {
  readonly path: PropertyKey[];
  readonly message: string;
}

/**
 * Makes the schema of a text, several texts, a prompt as token numbers, or several such prompts. It
 * is not a union: it names the first wrong item, and checks long token lists quickly.
 */
export function promptInput(rules: PromptInputRules) {
  return z.custom<PromptInput>().superRefine((value: unknown, context) => {
    const fault = findFault(value, rules);
    if (fault !== undefined) context.addIssue({ code: "custom", ...fault });
  });
}

function findFault(value: unknown, { emptyText }: PromptInputRules): Fault | undefined {
  if (typeof value === "string") return value === "" && !emptyText ? empty([]) : undefined;
  if (!Array.isArray(value))
    return {
      path: [],
      message: "Invalid input: expected a string or an array of strings or tokens",
    };
  if (value.length === 0) return empty([]);
  if (typeof value[0] === "number") return findWrongToken(value, []);
  const texts = typeof value[0] === "string";
  for (const [index, item] of (value as unknown[]).entries()) {
    let fault: Fault | undefined;
    if (texts && typeof item === "string")
      fault = item === "" && !emptyText ? empty([index]) : undefined;
    else if (!texts && Array.isArray(item))
      fault = item.length === 0 ? empty([index]) : findWrongToken(item, [index]);
    else
      fault = {
        path: [index],
        message: "Invalid input: expected a string or an array of tokens, as all others",
      };
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function empty(path: PropertyKey[]): Fault {
  return { path, message: "Must not be empty" };
}

function findWrongToken(tokens: readonly unknown[], path: PropertyKey[]): Fault | undefined {
  const wrong = tokens.findIndex((token) => !Number.isSafeInteger(token) || (token as number) < 0);
  if (wrong === -1) return undefined;
  return { path: [...path, wrong], message: "Invalid input: expected a token number" };
}

/** Counts the prompts of an input, which has one of the four shapes. */
export function countPrompts(input: PromptInput): number {
  return typeof input === "string" || typeof input[0] === "number" ? 1 : input.length;
}
