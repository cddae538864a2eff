import { mayExceedDouble, parseExact } from "../../shared/json/exact-json.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import type { ProviderCall } from "../provider.ts";
import type { AnswerJudge } from "./answer-judge.ts";
import type { ChunkEvent, ChunkOutput } from "./chunk-output.ts";
import { totalUsage } from "./total-usage.ts";

/**
 * Chunks on their way to the caller, with their data as it came, but without ids (nobody can come
 * back to a place of a chat stream) and without usage that was not asked for. The ones from the last
 * finish reason on are held back.
 */
export class ForwardedChunks implements ChunkOutput {
  readonly #wantsUsage: boolean;
  readonly #wantsRunningUsage: boolean;
  readonly #asksForRunning: boolean;
  #text = "";
  #held = "";
  /** The same without the usage of chunks that have choices. */
  #heldBare = "";
  /** The last chunk with nothing but usage; it goes out once, at the end. */
  #usage: ChunkEvent | undefined;

  /** `asksForRunning`: usage with every chunk is asked for by us, so that it is nobody's but ours. */
  constructor(
    { wantsUsage, streamOptions }: Pick<ProviderCall, "wantsUsage" | "streamOptions">,
    asksForRunning = false,
  ) {
    this.#asksForRunning = asksForRunning;
    const asked = asObject(JSON.parse(streamOptions ?? "{}"));
    this.#wantsUsage = wantsUsage;
    this.#wantsRunningUsage = wantsUsage && asked?.["continuous_usage_stats"] === true;
  }

  get heldChars(): number {
    return this.#held.length;
  }

  take(event: ChunkEvent, judge: AnswerJudge): void {
    const { chunk } = event;
    const usage = asObject(chunk["usage"]);
    const choices = Array.isArray(chunk["choices"]) ? (chunk["choices"] as unknown[]) : [];
    if (usage !== undefined && choices.length === 0) {
      this.#usage = event;
      return;
    }
    const isOdd =
      chunk["error"] !== undefined || choices.some((each) => isWholeChoice(asObject(each)));
    const shown = (keepsUsage: boolean): string => {
      const asItCame = !isOdd && (keepsUsage || usage === undefined);
      return format(asItCame ? event : { ...event, text: rewritten(event, keepsUsage) });
    };
    const bare = shown(this.#wantsRunningUsage);
    const ends = this.#wantsUsage && judge.isFinished && !this.#asksForRunning;
    this.#held += ends && usage !== undefined ? shown(true) : bare;
    this.#heldBare += bare;
    if (!judge.isFinished) {
      this.#text += this.#held;
      this.#held = "";
      this.#heldBare = "";
    }
  }

  drain(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }

  /** Usage is told once, since LangChain for Python and pydantic-ai add up what they are told. */
  end(judge: AnswerJudge): { readonly tail: string } {
    const tellsApart = this.#wantsUsage && this.#usage !== undefined;
    const rest = tellsApart ? `${this.#heldBare}${this.#usageEvent(judge)}` : this.#held;
    return { tail: `${rest}data: [DONE]\n\n` };
  }

  #usageEvent(judge: AnswerJudge): string {
    const event = this.#usage as ChunkEvent;
    const { chunk } = event;
    const usage = judge.choices > 1 ? totalUsage(chunk["usage"], judge.usage) : undefined;
    const text = usage === undefined ? event.text : JSON.stringify({ ...chunk, usage });
    return format({ ...event, text });
  }
}

/** A choice that has its text in `message`, as in a whole answer, where a stream's has `delta`. */
function isWholeChoice(choice: JsonObject | undefined): boolean {
  return choice?.["delta"] === undefined && asObject(choice?.["message"]) !== undefined;
}

/** Without usage that is not to be told here and empty errors, at which common clients give up. */
function rewritten({ chunk, text }: ChunkEvent, keepsUsage: boolean): string {
  const rest: Record<string, unknown> = {
    ...(mayExceedDouble(text) ? (parseExact(text) as JsonObject) : chunk),
  };
  if (!keepsUsage) delete rest["usage"];
  delete rest["error"];
  const { choices } = rest;
  if (!Array.isArray(choices)) return JSON.stringify(rest);
  const readable = (choices as readonly unknown[]).map((each) => {
    const choice = asObject(each);
    if (!isWholeChoice(choice)) return each;
    const { message, ...others } = choice as JsonObject;
    return { ...others, delta: message };
  });
  return JSON.stringify({ ...rest, choices: readable });
}

function format({ name, text }: ChunkEvent): string {
  // Many readers take each line for an event; in JSON a line's end means nothing.
  const line = text.includes("\n") ? text.replaceAll("\n", " ") : text;
  return `${name === undefined ? "" : `event: ${name}\n`}data: ${line}\n\n`;
}
