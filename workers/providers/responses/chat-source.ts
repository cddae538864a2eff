import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import type { ItemEvent } from "../../../shared/responses/item-events.ts";
import { responseObject } from "../../../shared/responses/response-object.ts";
import { toolTable } from "../../../shared/responses/tool-table.ts";
import { failed } from "../call-end.ts";
import type { ChunkEvent } from "../chat/chunk-feed.ts";
import { finishWord, incompleteReasonOf, judgeFinishReason } from "../chat/finish-reason.ts";
import { countOutputBytes } from "../chat/output-bytes.ts";
import { findChoiceUsage, findUsage } from "../chat/find-usage.ts";
import { readChoiceError } from "../errors/in-band-error.ts";
import { UsageMeter } from "../chat/usage-meter.ts";
import { chatPieces, type ChatPiece } from "./chat-pieces.ts";
import { OutputBuilder } from "./output-builder.ts";
import type { ResponseRequest } from "./response-request.ts";
import type { ResponseSource, ResponseStep } from "./response-source.ts";
import { responseUsage } from "./response-usage.ts";

/** Finish reasons that promise a call. */
const CALL_REASONS = new Set(["tool_calls", "function_call", "tool_use"]);

/** Turns the chunks of a chat completion with one choice into the events of a response. */
export class ChatSource implements ResponseSource {
  outputBytes = 0;
  readonly #request: ResponseRequest;
  readonly #output: OutputBuilder;
  readonly #meter: UsageMeter;
  /**
   * The indexes of the one choice: in `begun` once it has begun, in `finished` once it is finished.
   */
  readonly #progress = { begun: new Set<number>(), finished: new Set<number>(), pieces: 0 };
  #usageFields: JsonObject | undefined;
  /** Usage came in a chunk of its own, which comes last. */
  #hasUsageChunk = false;
  #finishReason: unknown;

  /** `runningIsExact` is `ProviderCall.runningUsageIsExact`. */
  constructor(request: ResponseRequest, runningIsExact = false) {
    this.#request = request;
    this.#meter = new UsageMeter({ endpoint: "chat.completions", n: 1, runningIsExact });
    this.#output = new OutputBuilder(request.context.id, toolTable(request.body));
  }

  get isFinished(): boolean {
    return this.#finishReason !== undefined;
  }

  get usage(): ReportedUsage | undefined {
    return this.#meter.usage(this.#progress);
  }

  take(_event: ChunkEvent, chunk: JsonObject): ResponseStep {
    const { choices = null } = chunk;
    if (choices !== null && !Array.isArray(choices))
      return broken("malformed", "no list of choices");
    const events: ItemEvent[] = [];
    for (const each of (choices ?? []) as unknown[]) {
      const choice = asObject(each);
      if (choice === undefined || Number(choice["index"] ?? 0) !== 0)
        return broken("malformed", "not the one choice that was asked for");
      const failure = readChoiceError(choice);
      if (failure !== undefined) return { kind: "failed", failure };
      this.#progress.begun.add(0);
      this.outputBytes += countOutputBytes(choice);
      for (const piece of this.#piecesOf(choice)) {
        if (piece.kind === "unknown")
          return broken("malformed", `a response has no place for ${piece.what}`);
        events.push(...this.#output.take(piece));
      }
      const reason = choice["finish_reason"] ?? choice["finishReason"];
      const finish = judgeFinishReason(reason);
      if (finish === "broken") return broken("cut", "the engine gave up on the answer");
      if (finish === "complete") {
        this.#finishReason = reason;
        this.#progress.finished.add(0);
      }
    }
    this.#takeUsage(chunk);
    return { kind: "events", events };
  }

  done(): ResponseStep {
    const reason = this.#finishReason;
    if (reason === undefined && !this.#hasUsageChunk)
      return broken("cut", "[DONE] before the answer was finished");
    if (CALL_REASONS.has(finishWord(reason)) && this.#output.isEmpty)
      return broken("malformed", "the answer should have a tool call, and has none");
    const incompleteReason = incompleteReasonOf(reason);
    const status = incompleteReason === undefined ? "completed" : "incomplete";
    const events = this.#output.finish(status);
    if (events === undefined)
      return broken("malformed", "a tool call has no name, or no arguments that its tool takes");
    const { body, context, now } = this.#request;
    const response = responseObject(body, context, {
      status,
      output: this.#output.items(),
      ...(incompleteReason === undefined
        ? { completedAt: Math.floor(now() / 1000) }
        : { incompleteReason }),
      ...(this.#usageFields === undefined ? {} : { usage: this.#usageFields }),
    });
    return { kind: "end", events, status, response };
  }

  #takeUsage(chunk: JsonObject): void {
    if (!this.#meter.take(chunk, this.#progress)) return;
    if (Array.isArray(chunk["choices"]) && chunk["choices"].length === 0)
      this.#hasUsageChunk = true;
    const { usage } = this;
    if (usage === undefined) return;
    const choices = Array.isArray(chunk["choices"]) ? (chunk["choices"] as unknown[]) : [];
    const fields = findUsage(chunk) ?? findChoiceUsage(asObject(choices[0]));
    this.#usageFields = responseUsage(usage, fields ?? {});
  }

  #piecesOf(choice: JsonObject): readonly ChatPiece[] {
    const { delta, message, text } = choice;
    if (typeof delta === "string") return chatPieces({ content: delta });
    const pieces = chatPieces(asObject(delta) ?? {});
    if (pieces.length > 0) return pieces;
    // Some gateways write a whole message as one chunk, or the text of a completion.
    const whole = asObject(message);
    if (whole !== undefined) return this.#unsaid(chatPieces(whole), choice);
    return typeof text === "string" ? chatPieces({ content: text }) : [];
  }

  /** Leaves out what the deltas had before, because a message at the end may repeat all of it. */
  #unsaid(pieces: readonly ChatPiece[], choice: JsonObject): readonly ChatPiece[] {
    const { answerText, hasCalls, isEmpty } = this.#output;
    if (isEmpty || judgeFinishReason(choice["finish_reason"]) === "open") return pieces;
    const text = pieces.map((piece) => (piece.kind === "output_text" ? piece.text : "")).join("");
    if (!text.startsWith(answerText)) return pieces;
    const rest = text.slice(answerText.length);
    const calls = hasCalls ? [] : pieces.filter(({ kind }) => kind === "call");
    const cited = pieces.filter(({ kind }) => kind === "annotation");
    return [...(rest === "" ? [] : chatPieces({ content: rest })), ...cited, ...calls];
  }
}

function broken(reason: "cut" | "malformed", detail: string): ResponseStep {
  return { kind: "failed", failure: failed(reason, detail) };
}
