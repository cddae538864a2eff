import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import type { ProviderCall } from "../provider.ts";
import { failed, type FailedEnd } from "../call-end.ts";
import { judgeFinishReason } from "./finish-reason.ts";
import { readChoiceError } from "../errors/in-band-error.ts";
import { countOutputBytes } from "./output-bytes.ts";
import { promptShares } from "./prompt-shares.ts";
import { UsageMeter } from "./usage-meter.ts";

/** An index of this size or larger does not belong to a choice. */
const MOST_CHOICES = 65_536;

export type JudgedCall = Pick<
  ProviderCall,
  "endpoint" | "choices" | "body" | "runningUsageIsExact"
>;

/** Follows the chunks of an answer and judges whether it is whole; counts what was generated. */
export class AnswerJudge {
  outputBytes = 0;
  readonly #call: JudgedCall;
  readonly #meter: UsageMeter;
  readonly #progress = { begun: new Set<number>(), finished: new Set<number>(), pieces: 0 };
  /** A choice went on after its finish reason. */
  #wentOn = false;
  /** Usage came in a chunk of its own, as OpenAI sends it last. */
  #hasUsageChunk = false;

  constructor(call: JudgedCall) {
    this.#call = call;
    this.#meter = new UsageMeter({
      endpoint: call.endpoint,
      n: promptShares(call).n,
      runningIsExact: call.runningUsageIsExact === true,
    });
  }

  get usage(): ReportedUsage | undefined {
    return this.#meter.usage(this.#progress);
  }

  get choices(): number {
    return this.#progress.begun.size;
  }

  /** Every choice that has begun has its finish reason. */
  get isFinished(): boolean {
    const { begun, finished } = this.#progress;
    return begun.size > 0 && finished.size >= begun.size;
  }

  /** Takes the next chunk. Returns a failure when it cannot be a part of a good answer. */
  take(chunk: JsonObject): FailedEnd | undefined {
    const choices = Array.isArray(chunk["choices"]) ? (chunk["choices"] as unknown[]) : [];
    for (const each of choices) {
      const failure = this.#takeChoice(asObject(each));
      if (failure !== undefined) return failure;
    }
    const hasUsage = this.#meter.take(chunk, this.#progress);
    if (hasUsage && choices.length === 0) this.#hasUsageChunk = true;
    return undefined;
  }

  /**
   * Finds the fault of an answer that ends here: with `[DONE]`, or with its body alone. After
   * `[DONE]`, usage replaces a missing finish reason, since it is counted last. An answer with
   * fewer choices than asked for is whole (Ollama takes no `n`), unless a prompt has no choice at
   * all.
   */
  problemAtEnd(end: "done" | "body"): FailedEnd | undefined {
    const { begun } = this.#progress;
    const { choices, endpoint } = this.#call;
    if (begun.size === 0) return failed("cut", "the stream ended without an answer");
    if (end === "body" && (!this.isFinished || this.#wentOn || begun.size < choices))
      return failed("cut", "the stream ended before the answer was finished");
    if (!this.isFinished && !this.#hasUsageChunk)
      return failed("cut", "[DONE] before every choice was finished");
    if (endpoint === "completions" && begun.size < promptShares(this.#call).prompts)
      return failed("malformed", "not every prompt has its answer");
    return undefined;
  }

  #takeChoice(choice: JsonObject | undefined): FailedEnd | undefined {
    // Some gateways write the index as a text.
    const index = Number(choice?.["index"] ?? 0);
    if (choice === undefined || !isIndex(index))
      return failed("malformed", "a choice is not an object with an index");
    const error = readChoiceError(choice);
    if (error !== undefined) return error;
    const progress = this.#progress;
    progress.begun.add(index);
    const bytes = countOutputBytes(choice);
    this.outputBytes += bytes;
    if (bytes > 0) progress.pieces += 1;
    const finish = judgeFinishReason(choice["finish_reason"] ?? choice["finishReason"]);
    if (finish === "broken") return failed("cut", "the engine gave up on the answer");
    if (finish === "complete") progress.finished.add(index);
    else if (bytes > 0 && progress.finished.has(index)) this.#wentOn = true;
    return undefined;
  }
}

function isIndex(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < MOST_CHOICES;
}
