import { type AnswerPart, answerParts } from "./answer-parts.ts";
import type { GenerationRequest } from "./inference-request.ts";
import type { Prompt } from "./prompt.ts";
import { HttpError, type SimulatorKind } from "./http-error.ts";

/** A part at its place in the sequence. */
export interface PlacedPart extends AnswerPart {
  /** Position of its first token in the sequence. */
  readonly from: number;
  readonly to: number;
}

interface Sequence {
  readonly index: number;
  /** In tokens. */
  readonly length: number;
  /** Empty only when there is no room at all. */
  readonly parts: readonly PlacedPart[];
  readonly finishReason: "stop" | "length" | "tool_calls";
}

/** Tokens in and out; reasoning is included in the completion. */
interface TokenCounts {
  readonly prompt: number;
  readonly completion: number;
  readonly reasoning: number;
}

/** The plan of an answer, fixed before the first token. */
export interface Generation {
  readonly sequences: readonly Sequence[];
  /**
   * The tokens of the longest sequence. Sequences are generated in parallel, one token of each in a
   * step.
   */
  readonly steps: number;
  /**
   * Returns the tokens after this many steps, over all sequences, including those that are not
   * returned.
   */
  readonly countsAfter: (steps: number) => TokenCounts;
  readonly tokensAfter: (steps: number) => number;
}

interface GenerationLimits {
  readonly kind: SimulatorKind;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly contextLength: number | undefined;
}

/** Plans an answer. Throws `HttpError` (400) when the prompt and its answer exceed the context. */
export function planGeneration(request: GenerationRequest, limits: GenerationLimits): Generation {
  const plans = request.prompts.map((prompt) => planPrompt(prompt, request, limits));
  const sequences = plans.flatMap((plan, at) =>
    Array.from({ length: request.n }, (_, choice) => ({ ...plan, index: at * request.n + choice })),
  );
  const prompt = request.prompts.reduce((sum, each) => sum + each.tokens, 0);
  const generated = (steps: number, lengthOf: (plan: Plan) => number): number =>
    plans.reduce((sum, plan) => sum + Math.min(steps, lengthOf(plan)) * request.bestOf, 0);
  const tokensAfter = (steps: number): number => generated(steps, (plan) => plan.length);
  const countsAfter = (steps: number): TokenCounts => ({
    prompt,
    completion: tokensAfter(steps),
    reasoning: generated(steps, reasoningLength),
  });
  return {
    sequences,
    steps: Math.max(...plans.map((plan) => plan.length)),
    countsAfter,
    tokensAfter,
  };
}

/** Returns the text of a part after this many steps. */
export function partText(part: PlacedPart, steps: number): string {
  let text = "";
  for (let at = part.from; at < Math.min(part.to, steps); at += 1) {
    text += part.token(at - part.from);
  }
  return text;
}

type Plan = Omit<Sequence, "index">;

function planPrompt(prompt: Prompt, request: GenerationRequest, limits: GenerationLimits): Plan {
  const room = roomFor(prompt, request, limits);
  const answer = answerParts(prompt, request, limits);
  const parts: PlacedPart[] = [];
  let wanted = 0;
  for (const part of answer) {
    const from = wanted;
    wanted += part.length;
    if (from < room) parts.push({ ...part, from, to: Math.min(wanted, room) });
  }
  const whole = answer.some(({ kind }) => kind === "call") ? "tool_calls" : "stop";
  const length = Math.min(wanted, room);
  return { length, parts, finishReason: length < wanted ? "length" : whole };
}

/** Only the first part can be reasoning. */
function reasoningLength({ parts: [first] }: Plan): number {
  return first?.kind === "reasoning" ? first.to : 0;
}

/**
 * Returns how many tokens may be generated: the request's own limit, or the rest of the context.
 */
function roomFor(prompt: Prompt, request: GenerationRequest, limits: GenerationLimits): number {
  const { contextLength, kind } = limits;
  if (contextLength === undefined) return request.maxTokens ?? Infinity;
  const wanted = request.maxTokens ?? 1;
  if (prompt.tokens + wanted > contextLength) {
    const where = INPUT_NAMES[request.endpoint];
    const most = `This model's maximum context length is ${contextLength} tokens.`;
    const message =
      kind === "gpu"
        ? `${most} However, you requested ${prompt.tokens + wanted} tokens (${prompt.tokens} in the ${where}, ${wanted} in the completion). Please reduce the length of the ${where} or completion.`
        : `${most} However, your messages resulted in ${prompt.tokens} tokens and ${wanted} in the completion. Please reduce the length of the ${where}.`;
    throw new HttpError({ status: 400, message, code: "context_length_exceeded", param: where });
  }
  return request.maxTokens ?? contextLength - prompt.tokens;
}

const INPUT_NAMES = { "chat.completions": "messages", completions: "prompt", responses: "input" };
