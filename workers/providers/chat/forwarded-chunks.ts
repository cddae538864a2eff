import { mayExceedDouble, parseExact } from "../../../shared/json/exact-json.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import type { ProviderCall } from "../provider.ts";
import type { AnswerJudge } from "./answer-judge.ts";
import type { ChunkEvent } from "./chunk-feed.ts";
import type { ChunkOutput } from "./chunk-output.ts";
import { ForwardedCalls } from "./forwarded-calls.ts";
import { totalUsage } from "./total-usage.ts";

/**
 * Forwards chunks with their data as it came, with three changes. Event ids go, since nobody can
 * resume a chat stream. Usage that was not asked for goes too. Choices and calls become such that
 * common clients can put them together. From the last finish reason on it holds the chunks back.
 */
export class ForwardedChunks implements ChunkOutput {
  readonly #wantsUsage: boolean;
  readonly #wantsRunningUsage: boolean;
  readonly #asksForRunning: boolean;
  /** Tool calls by their choice's index. */
  readonly #calls = new Map<number, ForwardedCalls>();
  /** Indexes of choices with a forwarded delta. */
  readonly #begun = new Set<unknown>();
  #text = "";
  #held = "";
  /** `#held` without the usage of chunks that have choices. */
  #heldBare = "";
  /** The last chunk that has only usage. It goes out once, at the end. */
  #usage: ChunkEvent | undefined;

  /** `asksForRunning`: we asked for the usage in every chunk ourselves, so no caller expects it. */
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
    const readable = this.#readable(event, choices);
    const isOdd = chunk["error"] !== undefined || readable !== undefined;
    const shown = (keepsUsage: boolean): string => {
      const asItCame = !isOdd && (keepsUsage || usage === undefined);
      const text = asItCame ? event.text : rewritten(event, keepsUsage, readable);
      return format({ ...event, text });
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

  /** Usage goes out once, since LangChain for Python and pydantic-ai add up all that they get. */
  end(judge: AnswerJudge): { readonly tail: string } {
    const tellsApart = this.#wantsUsage && this.#usage !== undefined;
    const rest = tellsApart ? `${this.#heldBare}${this.#usageEvent(judge)}` : this.#held;
    return { tail: `${rest}data: [DONE]\n\n` };
  }

  /** Returns the choices of a chunk corrected, or undefined if they can go on as they came. */
  #readable(event: ChunkEvent, choices: readonly unknown[]): readonly JsonObject[] | undefined {
    const mayBeOdd = choices.some((each) => {
      const choice = asObject(each) ?? {};
      const { delta, index } = choice;
      // An index that is not a number is never in the set.
      return !this.#begun.has(index) || isWholeChoice(choice) || hasCalls(asObject(delta));
    });
    if (!mayBeOdd) return undefined;
    let isOdd = false;
    const list = (exact(event)["choices"] as readonly JsonObject[]).map((choice) => {
      const readable = this.#readableChoice(choice);
      isOdd ||= readable !== choice;
      return readable;
    });
    return isOdd ? list : undefined;
  }

  /** Returns the choice itself, or one that clients can read: they go by index and role. */
  #readableChoice(choice: JsonObject): JsonObject {
    const index = Number(choice["index"] ?? 0);
    const isWhole = isWholeChoice(choice);
    const { message, ...others } = choice;
    const delta = asObject(isWhole ? message : choice["delta"]);
    const calls = hasCalls(delta) ? this.#callsOf(index).take(delta?.["tool_calls"]) : undefined;
    const lacksRole = delta !== undefined && !this.#begun.has(index) && !delta["role"];
    if (delta !== undefined || choice["text"] !== undefined) this.#begun.add(index);
    const isReadable = calls === undefined && !lacksRole && !isWhole;
    if (isReadable && index === choice["index"]) return choice;
    const readable = {
      ...delta,
      ...(lacksRole ? { role: "assistant" } : {}),
      ...(calls === undefined ? {} : { tool_calls: calls }),
    };
    return {
      ...(isWhole ? others : choice),
      index,
      ...(delta === undefined ? {} : { delta: readable }),
    };
  }

  #callsOf(index: number): ForwardedCalls {
    let calls = this.#calls.get(index);
    if (calls === undefined) this.#calls.set(index, (calls = new ForwardedCalls()));
    return calls;
  }

  #usageEvent(judge: AnswerJudge): string {
    const event = this.#usage as ChunkEvent;
    const { chunk } = event;
    const usage = judge.choices > 1 ? totalUsage(chunk["usage"], judge.usage) : undefined;
    const text = usage === undefined ? event.text : JSON.stringify({ ...chunk, usage });
    return format({ ...event, text });
  }
}

/** Tells whether a choice has its text in `message`, as in a whole answer, and not in `delta`. */
function isWholeChoice(choice: JsonObject): boolean {
  return choice["delta"] === undefined && asObject(choice["message"]) !== undefined;
}

/** Returns the chunk with numbers as they were written where a double would change them. */
function exact({ chunk, text }: ChunkEvent): JsonObject {
  return mayExceedDouble(text) ? (parseExact(text) as JsonObject) : chunk;
}

/**
 * Writes the chunk without usage that does not belong here, and without empty errors, at which
 * common clients give up.
 */
function rewritten(
  event: ChunkEvent,
  keepsUsage: boolean,
  choices: readonly JsonObject[] | undefined,
): string {
  const rest: Record<string, unknown> = { ...exact(event) };
  if (!keepsUsage) delete rest["usage"];
  delete rest["error"];
  return JSON.stringify(choices === undefined ? rest : { ...rest, choices });
}

function hasCalls(delta: JsonObject | undefined): boolean {
  return delta?.["tool_calls"] != null;
}

function format({ name, text }: ChunkEvent): string {
  // Many readers take each line for an event. In JSON a line break has no meaning.
  const line = text.includes("\n") ? text.replaceAll("\n", " ") : text;
  return `${name === undefined ? "" : `event: ${name}\n`}data: ${line}\n\n`;
}
