import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { ProviderCall } from "../providers/provider.ts";
import type { CallSite } from "./fit-call.ts";
import { leastTokens } from "./least-tokens.ts";

type Failed = Extract<ProviderOutcome, { kind: "failed" }>;

/**
 * Refuses a prompt that such an engine would certainly cut. Returns undefined if the prompt may
 * fit.
 */
export function certainTruncation(call: ProviderCall, site: CallSite): Failed | undefined {
  const { engine, contextLength } = site;
  if (!engine.truncatesSilently || contextLength === undefined) return undefined;
  if (Buffer.byteLength(call.body) <= contextLength) return undefined;
  const least = leastTokens(call.body);
  if (least <= contextLength) return undefined;
  return {
    ...overflow(
      `The prompt has at least ${least} tokens, but the model's context is ${contextLength}.`,
    ),
    sent: false,
    gotHeaders: false,
    outputBytes: 0,
    usage: undefined,
    ttftMs: null,
  };
}

/**
 * Tells whether an answer saw a part of the prompt only, which its usage shows: Ollama 0.17 counts
 * what it kept, the whole context when the last message was cut, less when older ones were dropped.
 */
export function isTruncated(outcome: ProviderOutcome, call: ProviderCall, site: CallSite): boolean {
  if (!site.engine.truncatesSilently || outcome.kind !== "ok" || !outcome.usage) return false;
  const { promptTokens } = outcome.usage;
  if (promptTokens === 0) return false;
  // The inputs of one embeddings request are counted together.
  const isOnePrompt = call.endpoint !== "embeddings" || call.choices === 1;
  const { contextLength } = site;
  if (isOnePrompt && contextLength !== undefined && promptTokens >= contextLength) return true;
  return leastTokens(call.body) > promptTokens;
}

/** Turns the outcome into a failure. What it generated must still be paid for. */
export function refuseTruncated(outcome: ProviderOutcome, site: CallSite): Failed {
  const { sent, gotHeaders, outputBytes, usage, ttftMs } = outcome;
  const context = site.contextLength === undefined ? "" : ` of ${site.contextLength} tokens`;
  const kept = `the engine kept ${usage?.promptTokens ?? 0} tokens of it`;
  return {
    ...overflow(`The prompt does not fit into the model's context${context}: ${kept}.`),
    sent,
    gotHeaders,
    outputBytes,
    usage,
    ttftMs,
  };
}

function overflow(text: string) {
  return {
    kind: "failed",
    reason: "context_overflow",
    error: { message: text, code: "context_length_exceeded" },
    detail: "the prompt does not fit into the engine's context",
  } as const;
}
