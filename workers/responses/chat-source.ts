import type { EventSourceMessage } from "eventsource-parser";
import type { Usage } from "../../shared/contracts/outcome.ts";
import { asObject, stringAt, type JsonObject } from "../../shared/json/json-object.ts";
import type { ItemEvent } from "../../shared/responses/item-events.ts";
import { responseObject } from "../../shared/responses/response-object.ts";
import { failed } from "../openai/call-stopped.ts";
import { incompleteReasonOf, judgeFinishReason } from "../openai/finish-reason.ts";
import { countOutputBytes } from "../openai/output-bytes.ts";
import { readUsage } from "../openai/read-usage.ts";
import { OutputBuilder } from "./output-builder.ts";
import type { AskedResponse, ResponseSource, Taken } from "./response-source.ts";
import { responseUsage } from "./response-usage.ts";

/** Turns the chunks of a chat completion with one choice into the events of a response. */
export class ChatSource implements ResponseSource {
  outputBytes = 0;
  usage: Usage | undefined;
  readonly #asked: AskedResponse;
  readonly #output: OutputBuilder;
  #usageFields: JsonObject | undefined;
  #finishReason: string | undefined;

  constructor(asked: AskedResponse) {
    this.#asked = asked;
    this.#output = new OutputBuilder(asked.facts.id);
  }

  take(_event: EventSourceMessage, chunk: JsonObject): Taken {
    this.#takeUsage(chunk["usage"]);
    const events: ItemEvent[] = [];
    const choices = Array.isArray(chunk["choices"]) ? (chunk["choices"] as unknown[]) : [];
    for (const each of choices) {
      const choice = asObject(each);
      if (choice === undefined || (choice["index"] ?? 0) !== 0)
        return broken("malformed", "not the one choice that was asked for");
      this.outputBytes += countOutputBytes(choice);
      events.push(...this.#takeDelta(asObject(choice["delta"]) ?? {}));
      const reason = choice["finish_reason"];
      const finish = judgeFinishReason(reason);
      if (finish === "broken") return broken("cut", "the engine gave up on the answer");
      if (finish === "complete") this.#finishReason = reason as string;
    }
    return { kind: "events", events };
  }

  done(): Taken {
    if (this.#finishReason === undefined)
      return broken("cut", "[DONE] before the answer was finished");
    const incompleteReason = incompleteReasonOf(this.#finishReason);
    const status = incompleteReason === undefined ? "completed" : "incomplete";
    const events = this.#output.finish(status);
    if (events === undefined) return broken("malformed", "a tool call has no name");
    const { body, facts, now } = this.#asked;
    const response = responseObject(body, facts, {
      status,
      output: this.#output.items(),
      ...(incompleteReason === undefined
        ? { completedAt: Math.floor(now() / 1000) }
        : { incompleteReason }),
      ...(this.#usageFields === undefined ? {} : { usage: this.#usageFields }),
    });
    return { kind: "end", events, status, response };
  }

  #takeUsage(value: unknown): void {
    const usage = readUsage(value, "chat.completions", this.#asked.maxUsage);
    if (usage === undefined) return;
    this.usage = usage;
    this.#usageFields = responseUsage(usage, asObject(value) ?? {});
  }

  #takeDelta(delta: JsonObject): readonly ItemEvent[] {
    const reasoning = stringAt(delta, "reasoning_content") || stringAt(delta, "reasoning");
    const calls = Array.isArray(delta["tool_calls"]) ? (delta["tool_calls"] as unknown[]) : [];
    return [
      ...this.#output.text("summary_text", reasoning),
      ...this.#takeContent(delta["content"]),
      ...this.#output.text("refusal", stringAt(delta, "refusal")),
      ...calls.flatMap((call, position) => this.#output.call(asObject(call) ?? {}, position)),
    ];
  }

  /** A text, or Mistral's parts: texts and, in parts of their own, thoughts. */
  #takeContent(content: unknown): readonly ItemEvent[] {
    if (typeof content === "string") return this.#output.text("output_text", content);
    if (!Array.isArray(content)) return [];
    return (content as unknown[]).flatMap((each) => {
      const part = asObject(each) ?? {};
      if (part["type"] !== "thinking")
        return this.#output.text("output_text", stringAt(part, "text"));
      const thoughts = Array.isArray(part["thinking"]) ? (part["thinking"] as unknown[]) : [];
      const text = thoughts.map((thought) => stringAt(asObject(thought) ?? {}, "text")).join("");
      return this.#output.text("summary_text", text);
    });
  }
}

function broken(reason: "cut" | "malformed", detail: string): Taken {
  return { kind: "failed", failure: failed(reason, detail) };
}
