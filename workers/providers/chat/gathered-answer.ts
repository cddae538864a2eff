import type { Endpoint } from "../../../shared/contracts/endpoint.ts";
import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import type { AnswerJudge } from "./answer-judge.ts";
import type { ChunkEvent } from "./chunk-feed.ts";
import type { ChunkOutput } from "./chunk-output.ts";
import { callId, callType } from "./forwarded-calls.ts";
import { findUsage } from "./find-usage.ts";
import { judgeFinishReason } from "./finish-reason.ts";
import { mergePiece, type Merged } from "../../../shared/chat/merge-piece.ts";
import { totalUsage } from "./total-usage.ts";

/** A whole answer has these members elsewhere or not at all, such as OpenAI's padding. */
const CHUNK_MEMBERS = new Set(["choices", "usage", "object", "obfuscation", "error"]);
/** These members of a choice come in pieces. Of all others the last value counts. */
const PIECED_MEMBERS = new Set(["text", "logprobs", "token_ids"]);

interface Choice {
  readonly message: Merged;
  readonly rest: Merged;
}

/** Puts the chunks together to the answer that the engine would have written in one piece. */
export class GatheredAnswer implements ChunkOutput {
  heldChars = 0;
  readonly #isChat: boolean;
  readonly #top: Merged = {};
  readonly #choices = new Map<number, Choice>();
  #usage: JsonObject | undefined;

  constructor(endpoint: Endpoint) {
    this.#isChat = endpoint === "chat.completions";
  }

  take({ chunk, text }: ChunkEvent): void {
    this.heldChars += text.length;
    for (const name of Object.keys(chunk))
      if (!CHUNK_MEMBERS.has(name) && name !== "__proto__")
        this.#top[name] = chunk[name] ?? this.#top[name] ?? null;
    const usage = findUsage(chunk);
    if (usage !== undefined && usage !== chunk) this.#usage = usage;
    const choices = Array.isArray(chunk["choices"]) ? (chunk["choices"] as unknown[]) : [];
    for (const each of choices) {
      const choice = asObject(each);
      if (choice !== undefined) this.#takeChoice(choice);
    }
  }

  /** Nothing goes out before the end. */
  drain(): string {
    return "";
  }

  end(judge: AnswerJudge): { readonly tail: string; readonly body: Buffer } {
    const whole = judge.choices > 1 ? totalUsage(this.#usage, judge.usage) : undefined;
    const usage = whole ?? this.#usage ?? choiceUsage(judge.usage);
    const { id, ...top } = this.#top;
    const answer = {
      ...(id === undefined ? {} : { id }),
      object: this.#isChat ? "chat.completion" : "text_completion",
      ...top,
      choices: [...this.#choices].toSorted(([a], [b]) => a - b).map((each) => this.#whole(each)),
      ...(usage === undefined ? {} : { usage }),
    };
    return { tail: "", body: Buffer.from(JSON.stringify(answer)) };
  }

  #takeChoice(choice: JsonObject): void {
    const index = Number(choice["index"] ?? 0);
    let kept = this.#choices.get(index);
    if (kept === undefined) this.#choices.set(index, (kept = { message: {}, rest: {} }));
    const piece = asObject(choice["delta"]) ?? asObject(choice["message"]);
    if (piece !== undefined) mergePiece(kept.message, piece);
    for (const name of Object.keys(choice)) {
      const value = choice[name];
      if (name === "delta" || name === "message" || name === "index" || name === "__proto__")
        continue;
      if (PIECED_MEMBERS.has(name)) mergePiece(kept.rest, { [name]: value });
      else kept.rest[name] = value ?? kept.rest[name] ?? null;
    }
  }

  #whole([index, { message, rest }]: readonly [number, Choice]): JsonObject {
    const calls = message["tool_calls"];
    const hasCalls = Array.isArray(calls) && calls.length > 0;
    const isOpen = judgeFinishReason(rest["finish_reason"]) === "open";
    const finish = isOpen ? (hasCalls ? "tool_calls" : "stop") : rest["finish_reason"];
    if (!this.#isChat) return { index, text: "", ...rest, finish_reason: finish };
    const { role, content, ...others } = message;
    const isEmpty = content === undefined || (content === "" && hasCalls);
    return {
      index,
      message: {
        role: role ?? "assistant",
        content: isEmpty ? null : content,
        ...others,
        ...(hasCalls ? { tool_calls: (calls as JsonObject[]).map(withoutIndex) } : {}),
      },
      ...rest,
      finish_reason: finish,
    };
  }
}

/** Writes usage that came with a choice as that of the answer. */
function choiceUsage(usage: ReportedUsage | undefined): JsonObject | undefined {
  if (usage === undefined || usage.completionIsFloor === true) return undefined;
  const { promptTokens: prompt, completionTokens: completion } = usage;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
  };
}

/** Writes a call as in a whole answer. Clients parse even the arguments of a function without any. */
function withoutIndex(call: JsonObject): JsonObject {
  const rest: Merged = { ...call, id: callId(call["id"]), type: callType(call) };
  delete rest["index"];
  const made = asObject(rest["function"]);
  if (made?.["arguments"] === "") rest["function"] = { ...made, arguments: "{}" };
  return rest;
}
