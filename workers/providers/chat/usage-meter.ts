import type { Endpoint } from "../../../shared/contracts/endpoint.ts";
import type { ReportedUsage, Usage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { findChoiceUsage, findUsage } from "./find-usage.ts";
import { readUsage } from "./read-usage.ts";

export interface MeteredCall {
  readonly endpoint: Endpoint;
  /** Choices per prompt. */
  readonly n: number;
  /** The usage that the engine gives with each chunk is exact at that chunk. */
  readonly runningIsExact: boolean;
}

/** The choices of a stream so far, by index. */
export interface ChoiceProgress {
  readonly begun: ReadonlySet<number>;
  readonly finished: ReadonlySet<number>;
  /** Pieces of text so far. There are never more pieces than tokens. */
  readonly pieces: number;
}

interface OwnUsage extends Usage {
  /** The usage came with or after the choice's finish reason. */
  readonly ended: boolean;
  readonly shrank: boolean;
}

/**
 * Puts together the usage that a stream reports. Engines report in three ways: once after everything
 * (OpenAI, vLLM), once after each choice (llama.cpp), and with every chunk for the chunk's choice
 * (vLLM's continuous usage; Ollama, with zeros). A report before the end, or of less than an earlier
 * one, is a floor.
 */
export class UsageMeter {
  readonly #call: MeteredCall;
  readonly #own = new Map<number, OwnUsage>();
  /** Usage of chunks without choices. `finished` counts the choices that were finished by then. */
  readonly #loose: { readonly usage: Usage; readonly finished: number; readonly whole: boolean }[] =
    [];

  constructor(call: MeteredCall) {
    this.#call = call;
  }

  /** Returns whether the chunk has usage. */
  take(chunk: JsonObject, { begun, finished }: ChoiceProgress): boolean {
    const choices = Array.isArray(chunk["choices"]) ? (chunk["choices"] as unknown[]) : [];
    const { endpoint } = this.#call;
    const usage = readUsage(findUsage(chunk), endpoint);
    if (usage !== undefined && choices.length === 0) {
      const whole = begun.size > 0 && finished.size >= begun.size;
      if (this.#loose.length < 65_536) this.#loose.push({ usage, finished: finished.size, whole });
      return true;
    }
    let hasUsage = false;
    for (const each of choices) {
      const choice = asObject(each);
      const own = usage ?? readUsage(findChoiceUsage(choice), endpoint);
      if (own === undefined) continue;
      hasUsage = true;
      const index = Number(choice?.["index"] ?? 0);
      this.#takeOwn(index, own, finished.has(index));
    }
    return hasUsage;
  }

  /** Returns the usage so far; undefined if none was reported. */
  usage(progress: ChoiceProgress): ReportedUsage | undefined {
    if (this.#own.size === 0 && this.#loose.length === 0) return undefined;
    const { begun, finished } = progress;
    const isWhole = begun.size > 0 && finished.size >= begun.size;
    const own = [...this.#own.values()];
    const ownOfAll = begun.size > 0 && own.length >= begun.size;
    const { completionTokens, isLastWord } = this.#completion(progress, own);
    const isCertain =
      (isWhole && (isLastWord || (ownOfAll && own.every(({ ended }) => ended)))) ||
      (this.#call.runningIsExact && ownOfAll);
    const shrank = own.some((each) => each.shrank || each.completionTokens > completionTokens);
    const loose = this.#loose.map(({ usage }) => usage);
    return {
      promptTokens: atMost(Math.max(this.#prompt(own), this.#prompt(loose))),
      completionTokens: atMost(Math.max(completionTokens, ...own.map(completionOf))),
      ...(isCertain && !shrank ? {} : { promptIsFloor: true, completionIsFloor: true }),
    };
  }

  #completion(
    { begun, pieces }: ChoiceProgress,
    own: readonly OwnUsage[],
  ): { readonly completionTokens: number; readonly isLastWord: boolean } {
    const last = this.#loose.at(-1);
    const counts = this.#loose.map(({ usage }) => completionOf(usage));
    const oneEach = this.#loose.every(({ finished }, at) => finished === at + 1);
    if (counts.length > 1 && oneEach)
      return { completionTokens: sum(counts), isLastWord: counts.length === begun.size };
    if (last?.whole === true && (begun.size < 2 || completionOf(last.usage) >= pieces)) {
      const most = Math.max(...counts);
      return { completionTokens: most, isLastWord: completionOf(last.usage) >= most };
    }
    const sumOfOwn = sum(own.map(completionOf));
    return { completionTokens: Math.max(sumOfOwn, ...counts), isLastWord: false };
  }

  #takeOwn(index: number, usage: Usage, ended: boolean): void {
    const before = this.#own.get(index);
    const completionTokens = Math.max(before?.completionTokens ?? 0, usage.completionTokens);
    this.#own.set(index, {
      promptTokens: Math.max(before?.promptTokens ?? 0, usage.promptTokens),
      completionTokens,
      ended: ended || before?.ended === true,
      shrank: before?.shrank === true || usage.completionTokens < completionTokens,
    });
  }

  /** Chat has one prompt for all choices. In a completion, `n` choices share one. */
  #prompt(usages: readonly Usage[]): number {
    const counts = usages.map(({ promptTokens }) => promptTokens);
    const shared = this.#call.endpoint === "completions" ? sum(counts) / this.#call.n : 0;
    return Math.max(0, Math.ceil(shared), ...counts);
  }
}

function completionOf({ completionTokens }: Usage): number {
  return completionTokens;
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** The ledger counts in 32 bits. */
function atMost(count: number): number {
  return Math.min(count, 2 ** 31 - 1);
}
