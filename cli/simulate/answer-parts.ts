import type { GenerationRequest } from "./inference-request.ts";
import type { Prompt } from "./prompt.ts";
import { sampleValue } from "./sample-value.ts";

/** A part of an answer whose tokens come one after the other. */
export interface AnswerPart {
  readonly kind: "reasoning" | "text" | "call";
  /** The name of the called function. */
  readonly name?: string;
  /** In tokens. */
  readonly length: number;
  /** Returns a token by its position, counted from the part's first token. */
  readonly token: (position: number) => string;
}

interface AnswerSizes {
  /** How many tokens of text there are when the request does not say. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

/**
 * Returns the parts of the answer to a prompt, as if there were room for all of it. In the last
 * user message, `[sim reasoning=N]` and `[sim output=N]` set the number of tokens, `[sim echo]`
 * repeats the message, and `[sim calls=N]` sets how many of the request's functions are called
 * (default 1).
 */
export function answerParts(
  prompt: Prompt,
  request: GenerationRequest,
  sizes: AnswerSizes,
): readonly AnswerPart[] {
  const { lastText } = prompt;
  const parts: AnswerPart[] = [];
  if (request.endpoint !== "completions") {
    const length = directive(lastText, "reasoning") ?? sizes.reasoningTokens;
    if (length > 0) parts.push({ kind: "reasoning", length, token: thoughtToken });
  }
  const calls = prompt.endsWithUser ? callParts(lastText, request) : [];
  if (calls.length > 0) return [...parts, ...calls];
  const { answerSchema } = request;
  if (lastText.includes("[sim echo]")) parts.push({ kind: "text", ...pieces(lastText) });
  else if (answerSchema !== undefined) {
    parts.push({ kind: "text", ...pieces(JSON.stringify(sampleValue(answerSchema))) });
  } else {
    const length = directive(lastText, "output") ?? sizes.outputTokens;
    parts.push({ kind: "text", length, token: wordToken });
  }
  return parts;
}

function callParts(lastText: string, request: GenerationRequest): readonly AnswerPart[] {
  const { tools, maxCalls } = request;
  const calls = Math.min(directive(lastText, "calls") ?? 1, maxCalls);
  // The functions take turns, so that one is called twice only when there is no other.
  return Array.from({ length: tools.length === 0 ? 0 : calls }, (_, at) => {
    const tool = tools[at % tools.length];
    const values = sampleValue(tool?.parameters ?? { type: "object" });
    return { kind: "call", name: tool?.name ?? "", ...pieces(JSON.stringify(values)) } as const;
  });
}

function directive(text: string, name: string): number | undefined {
  const digits = new RegExp(String.raw`\[sim ${name}=(\d{1,7})\]`).exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function wordToken(position: number): string {
  return position === 0 ? "tok0" : ` tok${position}`;
}

function thoughtToken(position: number): string {
  return position === 0 ? "hm0" : ` hm${position}`;
}

/**
 * A token has four code points, so a surrogate pair stays whole and a lone surrogate stays alone.
 */
function pieces(text: string): Pick<AnswerPart, "length" | "token"> {
  const points = Array.from(text);
  const tokens: string[] = [];
  for (let at = 0; at < points.length; at += 4) tokens.push(points.slice(at, at + 4).join(""));
  return { length: tokens.length, token: (position) => tokens[position] ?? "" };
}
