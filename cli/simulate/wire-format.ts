import { type Generation, sequenceText, usageAfter } from "./generation.ts";
import type { GenerationRequest } from "./inference-request.ts";
import type { SimulatorKind } from "./refusal.ts";

/** Replaces the `usage` of an answer: an object, null, or the field left out. */
type UsageOverride = Readonly<Record<string, unknown>> | null | "absent";

interface WireOptions {
  readonly kind: SimulatorKind;
  readonly id: string;
  readonly request: GenerationRequest;
  readonly generation: Generation;
  /** Steps of the generation that are sent. */
  readonly steps: number;
  readonly usage: UsageOverride | undefined;
  /** Instead of each choice's own. */
  readonly finishReason: string | undefined;
}

export const done = "data: [DONE]\n\n";

/** Writes one generation as OpenAI-shaped JSON: a whole body, or events of a stream. */
export class WireFormat {
  readonly #options: WireOptions;
  readonly #chat: boolean;
  /** What every event begins with, up to its choices. */
  readonly #opening: string;
  readonly #closing: string;
  readonly #created = Math.floor(Date.now() / 1000);

  constructor(options: WireOptions) {
    const { id, request, kind } = options;
    this.#options = options;
    this.#chat = request.endpoint === "chat.completions";
    const object = this.#chat ? "chat.completion.chunk" : "text_completion";
    const facts = JSON.stringify({ id, object, created: this.#created, model: request.model });
    this.#opening = `data: ${facts.slice(0, -1)},"choices":[`;
    // OpenAI writes the empty field into every event once usage was asked for; vLLM does not.
    const emptyUsage = request.includeUsage && kind === "cloud" ? `,"usage":null` : "";
    this.#closing = `]${emptyUsage}}\n\n`;
  }

  body(): string {
    const { id, request, generation, steps, usage } = this.#options;
    const choices = generation.sequences.map((sequence) => {
      const text = sequenceText(sequence, 0, steps);
      const rest = { logprobs: null, finish_reason: this.#finishReason(sequence.finishReason) };
      return this.#chat
        ? { index: sequence.index, message: { role: "assistant", content: text }, ...rest }
        : { index: sequence.index, text, ...rest };
    });
    return JSON.stringify({
      id,
      object: this.#chat ? "chat.completion" : "text_completion",
      created: this.#created,
      model: request.model,
      choices,
      ...(usage === "absent" ? {} : { usage: this.#usage() }),
    });
  }

  /** The events that open each choice; none for completions. */
  roleEvents(): string {
    if (!this.#chat) return "";
    return this.#events(() => `"delta":{"role":"assistant","content":""}`);
  }

  /** One event for each token of each choice, from one step up to another, without it. */
  tokenEvents(from: number, to: number): string {
    let text = "";
    for (let step = from; step < to; step += 1) {
      for (const sequence of this.#options.generation.sequences) {
        if (step >= sequence.length) continue;
        const token = JSON.stringify(sequence.token(step));
        const field = this.#chat ? `"delta":{"content":${token}}` : `"text":${token}`;
        text += this.#event(sequence.index, field, "null");
      }
    }
    return text;
  }

  finishEvents(): string {
    return this.#events(
      () => (this.#chat ? `"delta":{}` : `"text":""`),
      (own) => JSON.stringify(this.#finishReason(own)),
    );
  }

  /** The event that carries usage after the sent steps; nothing when usage is to be absent. */
  usageEvent(): string {
    if (this.#options.usage === "absent") return "";
    return `${this.#opening}],"usage":${JSON.stringify(this.#usage())}}\n\n`;
  }

  /** A whole line without its end: an event that never comes to one. */
  endlessLine(): string {
    return `${this.#opening}{"index":0,"delta":{"content":"`;
  }

  #usage(): unknown {
    const { usage, generation, steps } = this.#options;
    return usage === undefined ? usageAfter(generation, steps) : usage;
  }

  #finishReason(own: string): string {
    return this.#options.finishReason ?? own;
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
