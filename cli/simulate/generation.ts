import type { GenerationRequest, Prompt } from "./inference-request.ts";
import { Refusal, type SimulatorKind } from "./refusal.ts";

/** One returned choice. */
interface Sequence {
  readonly index: number;
  /** Tokens in it. */
  readonly length: number;
  readonly token: (position: number) => string;
  readonly finishReason: "stop" | "length";
}

export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** What will be generated for a request: fixed before the first token. */
export interface Generation {
  readonly sequences: readonly Sequence[];
  /** Tokens of the longest sequence: they come one after the other, the sequences in parallel. */
  readonly steps: number;
  readonly promptTokens: number;
  /** Tokens generated after that many steps, over all sequences, unreturned ones too. */
  readonly tokensAfter: (steps: number) => number;
}

interface GenerationLimits {
  readonly kind: SimulatorKind;
  /** Tokens when neither request nor directive says less or more. */
  readonly outputTokens: number;
  readonly contextLength: number | undefined;
}

/** Plans an answer. Throws `Refusal` (400) when the prompt and its answer exceed the context. */
export function planGeneration(request: GenerationRequest, limits: GenerationLimits): Generation {
  const plans = request.prompts.map((prompt) => planPrompt(prompt, request, limits));
  const sequences = plans.flatMap((plan, at) =>
    Array.from({ length: request.n }, (_, choice) => ({ ...plan, index: at * request.n + choice })),
  );
  const tokensAfter = (steps: number): number =>
    plans.reduce((sum, plan) => sum + Math.min(steps, plan.length) * request.bestOf, 0);
  return {
    sequences,
    steps: Math.max(...plans.map((plan) => plan.length)),
    promptTokens: request.prompts.reduce((sum, prompt) => sum + prompt.tokens, 0),
    tokensAfter,
  };
}

/** Usage after that many steps, as the upstream reports it. */
export function usageAfter(generation: Generation, steps: number): Usage {
  const completion = generation.tokensAfter(steps);
  return {
    prompt_tokens: generation.promptTokens,
    completion_tokens: completion,
    total_tokens: generation.promptTokens + completion,
  };
}

/** The text of a sequence's tokens from one position up to another, without it. */
export function sequenceText(sequence: Sequence, from: number, to: number): string {
  let text = "";
  for (let at = from; at < Math.min(to, sequence.length); at += 1) text += sequence.token(at);
  return text;
}

function planPrompt(
  prompt: Prompt,
  request: GenerationRequest,
  limits: GenerationLimits,
): Omit<Sequence, "index"> {
  const room = roomFor(prompt, request, limits);
  const echo = prompt.lastText.includes("[sim echo]") ? echoTokens(prompt.lastText) : undefined;
  const directive = /\[sim output=(\d{1,7})\]/.exec(prompt.lastText)?.[1];
  const wanted =
    echo?.length ?? (directive === undefined ? limits.outputTokens : Number(directive));
  const length = Math.min(wanted, room);
  return {
    length,
    finishReason: length < wanted ? "length" : "stop",
    token: echo === undefined ? wordToken : (position) => echo[position] ?? "",
  };
}

/** Tokens that may be generated: `max_tokens`, or what the context leaves. */
function roomFor(prompt: Prompt, request: GenerationRequest, limits: GenerationLimits): number {
  const { contextLength, kind } = limits;
  if (contextLength === undefined) return request.maxTokens ?? Infinity;
  const asked = request.maxTokens ?? 1;
  if (prompt.tokens + asked > contextLength) {
    const where = request.endpoint === "completions" ? "prompt" : "messages";
    const most = `This model's maximum context length is ${contextLength} tokens.`;
    const message =
      kind === "gpu"
        ? `${most} However, you requested ${prompt.tokens + asked} tokens (${prompt.tokens} in the ${where}, ${asked} in the completion). Please reduce the length of the ${where} or completion.`
        : `${most} However, your messages resulted in ${prompt.tokens} tokens and ${asked} in the completion. Please reduce the length of the ${where}.`;
    throw new Refusal({ status: 400, message, code: "context_length_exceeded", param: where });
  }
  return request.maxTokens ?? contextLength - prompt.tokens;
}

function wordToken(position: number): string {
  return position === 0 ? "tok0" : ` tok${position}`;
}

/** Four code points each: a surrogate pair stays whole, a lone surrogate stays alone. */
function echoTokens(text: string): string[] {
  const points = Array.from(text);
  const tokens: string[] = [];
  for (let at = 0; at < points.length; at += 4) tokens.push(points.slice(at, at + 4).join(""));
  return tokens;
}
