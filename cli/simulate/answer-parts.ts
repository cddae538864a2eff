import type { GenerationRequest } from "./inference-request.ts";
import type { Prompt } from "./prompt.ts";
import { sampleValue } from "./sample-value.ts";

/** A stretch of an answer that belongs together: its tokens come one after the other. */
export interface AnswerPart {
  readonly kind: "reasoning" | "text" | "call";
  /** The function that a call is for. */
  readonly name?: string;
  /** Tokens in it. */
  readonly length: number;
  /** Counted from the part's own first. */
  readonly token: (position: number) => string;
}

interface AnswerSizes {
  /** Tokens of text, and of reasoning before it, when the request does not say. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

/**
 * What the answer to a prompt consists of, as if there were room for all of it. In the last user
 * message, `[sim reasoning=N]` and `[sim output=N]` say how many tokens, `[sim echo]` what text,
 * and `[sim calls=N]` how many calls of the request's functions; one without it.
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
  // Each function in turn, so that two calls of one function come only when there is no other.
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

/** Four code points a token: a surrogate pair stays whole, a lone surrogate stays alone. */
function pieces(text: string): Pick<AnswerPart, "length" | "token"> {
  const points = Array.from(text);
  const tokens: string[] = [];
  for (let at = 0; at < points.length; at += 4) tokens.push(points.slice(at, at + 4).join(""));
  return { length: tokens.length, token: (position) => tokens[position] ?? "" };
}
