import { partText, type PlacedPart } from "./generation.ts";
import type { HttpError } from "./http-error.ts";
import type { WireFormat, WireOptions } from "./wire-format.ts";

const DONE = "data: [DONE]\n\n";

/** Writes chat completions and completions. */
export class ChunkFormat implements WireFormat {
  readonly #options: WireOptions;
  readonly #chat: boolean;
  readonly #id: string;
  /** The start of every event, up to its choices. */
  readonly #opening: string;
  readonly #closing: string;
  readonly #created = Math.floor(Date.now() / 1000);

  constructor(options: WireOptions) {
    const { serial, request, kind } = options;
    this.#options = options;
    this.#chat = request.endpoint === "chat.completions";
    this.#id = `${this.#chat ? "chatcmpl" : "cmpl"}-sim${serial}`;
    const object = this.#chat ? "chat.completion.chunk" : "text_completion";
    const fields = { id: this.#id, object, created: this.#created, model: request.model };
    this.#opening = `data: ${JSON.stringify(fields).slice(0, -1)},"choices":[`;
    // OpenAI writes the empty field into every event once usage was requested; vLLM does not.
    const emptyUsage = request.includeUsage && kind === "cloud" ? `,"usage":null` : "";
    this.#closing = `]${emptyUsage}}\n\n`;
  }

  body(): string {
    const { request, generation, usage } = this.#options;
    const choices = generation.sequences.map(({ index, parts, finishReason }) => {
      const rest = { logprobs: null, finish_reason: this.#finishReason(finishReason) };
      return this.#chat
        ? { index, message: this.#message(index, parts), ...rest }
        : { index, text: this.#text(parts, "text"), ...rest };
    });
    return JSON.stringify({
      id: this.#id,
      object: this.#chat ? "chat.completion" : "text_completion",
      created: this.#created,
      model: request.model,
      choices,
      ...(usage === "absent" ? {} : { usage: this.#usage() }),
    });
  }

  opening(): string {
    if (!this.#chat) return "";
    return this.#events(() => `"delta":{"role":"assistant","content":""}`);
  }

  tokens(from: number, to: number): string {
    let text = "";
    for (let step = from; step < to; step += 1) {
      for (const { index, parts } of this.#options.generation.sequences) {
        const part = parts.find((each) => step < each.to);
        if (part === undefined) continue;
        if (part.kind === "call") text += this.#callEvents(index, parts, part, step);
        else text += this.#event(index, this.#field(part.kind, tokenAt(part, step)), "null");
      }
    }
    return text;
  }

  ending(): string {
    const usage = this.#options.request.includeUsage ? this.usageEvent() : "";
    const finish = this.#events(
      () => (this.#chat ? `"delta":{}` : `"text":""`),
      (own) => JSON.stringify(this.#finishReason(own)),
    );
    return finish + usage + DONE;
  }

  usageEvent(): string {
    if (this.#options.usage === "absent") return "";
    return `${this.#opening}],"usage":${JSON.stringify(this.#usage())}}\n\n`;
  }

  errorEvents(error: HttpError): string {
    return `data: ${error.body(this.#options.kind)}\n\n${DONE}`;
  }

  brokenEvents(): string {
    return `data: {"id":"chatcmpl-broken","choices":[{"index":0,\n\n${DONE}`;
  }

  endlessLine(): string {
    return `${this.#opening}{"index":0,"delta":{"content":"`;
  }

  #message(index: number, parts: readonly PlacedPart[]): object {
    const reasoning = this.#text(parts, "reasoning");
    const calls = parts.filter(({ kind }) => kind === "call");
    return {
      role: "assistant",
      content: calls.length === 0 ? this.#text(parts, "text") : null,
      ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0
        ? {}
        : {
            tool_calls: calls.map((part, at) => ({
              id: this.#callId(index, at),
              type: "function",
              function: { name: part.name, arguments: partText(part, this.#options.steps) },
            })),
          }),
    };
  }

  #text(parts: readonly PlacedPart[], kind: PlacedPart["kind"]): string {
    const part = parts.find((each) => each.kind === kind);
    return part === undefined ? "" : partText(part, this.#options.steps);
  }

  #field(kind: "reasoning" | "text", token: string): string {
    const value = JSON.stringify(token);
    if (!this.#chat) return `"text":${value}`;
    return `"delta":{"${kind === "text" ? "content" : "reasoning_content"}":${value}}`;
  }

  /** The function's name comes before the first piece of its arguments. */
  #callEvents(index: number, parts: readonly PlacedPart[], part: PlacedPart, step: number): string {
    const at = parts.filter(({ kind }) => kind === "call").indexOf(part);
    const delta = (call: object): string =>
      this.#event(
        index,
        `"delta":${JSON.stringify({ tool_calls: [{ index: at, ...call }] })}`,
        "null",
      );
    const rest = delta({ function: { arguments: tokenAt(part, step) } });
    if (step > part.from) return rest;
    const { name } = part;
    const id = this.#callId(index, at);
    return delta({ id, type: "function", function: { name, arguments: "" } }) + rest;
  }

  #callId(index: number, at: number): string {
    return `call_sim${this.#options.serial}_${index}_${at}`;
  }

  #usage(): unknown {
    const { usage, generation, steps } = this.#options;
    if (usage !== undefined) return usage;
    const { prompt, completion, reasoning } = generation.countsAfter(steps);
    return {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      ...(reasoning === 0 ? {} : { completion_tokens_details: { reasoning_tokens: reasoning } }),
    };
  }

  #finishReason(own: string): string {
    return this.#options.aborts ? "abort" : own;
  }

  #events(field: () => string, finish: (own: string) => string = () => "null"): string {
    return this.#options.generation.sequences
      .map((sequence) => this.#event(sequence.index, field(), finish(sequence.finishReason)))
      .join("");
  }

  #event(index: number, field: string, finish: string): string {
    return `${this.#opening}{"index":${index},${field},"logprobs":null,"finish_reason":${finish}}${this.#closing}`;
  }
}

function tokenAt(part: PlacedPart, step: number): string {
  return part.token(step - part.from);
}
