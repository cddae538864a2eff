import type { JsonObject } from "../../shared/json/json-object.ts";
import { partText, type PlacedPart } from "./generation.ts";
import type { Refusal } from "./refusal.ts";
import { responseItem, type ResponseItem } from "./response-item.ts";
import type { WireFormat, WireOptions } from "./wire-format.ts";

/** An item of the answer and where it comes from. */
interface Written {
  readonly part: PlacedPart;
  readonly item: ResponseItem;
  readonly index: number;
}

/** Responses. Its events are numbered, so they must be asked for in their order. */
export class ResponseFormat implements WireFormat {
  readonly #options: WireOptions;
  readonly #id: string;
  readonly #created = Math.floor(Date.now() / 1000);
  readonly #items: readonly Written[];
  #sequence = 0;
  /** The item that was begun and has not ended. */
  #current: Written | undefined;

  constructor(options: WireOptions) {
    const { request, serial, kind, generation } = options;
    const { include } = request.body;
    const encrypted =
      kind === "cloud" && Array.isArray(include) && include.includes("reasoning.encrypted_content");
    const parts = generation.sequences[0]?.parts ?? [];
    this.#options = options;
    this.#id = `resp_sim${serial}`;
    this.#items = parts.map((part, index) => {
      const mark = `sim${serial}_${index}`;
      return { part, index, item: responseItem(part, { kind, mark, encrypted }) };
    });
  }

  body(): string {
    return JSON.stringify(this.#ended());
  }

  opening(): string {
    const response = this.#response({ status: "in_progress", output: [], usage: null });
    return (
      this.#event("response.created", { response }) +
      this.#event("response.in_progress", { response })
    );
  }

  tokens(from: number, to: number): string {
    let text = "";
    for (let step = from; step < to; step += 1) {
      const written = this.#items.find(({ part }) => step < part.to);
      if (written === undefined) break;
      if (written !== this.#current) text += this.#close() + this.#open(written);
      const token = written.part.token(step - written.part.from);
      text += this.#itemEvent(written, ...written.item.delta(token));
    }
    return text;
  }

  ending(): string {
    const closing = this.#close();
    // vLLM says that it has completed even when it gave up.
    const type = this.#status() === "incomplete" ? "response.incomplete" : "response.completed";
    return closing + this.#event(type, { response: this.#ended() });
  }

  /** Only the last event of a response has its usage. */
  usageEvent(): string {
    return "";
  }

  /** vLLM sends an error, OpenAI the response that failed, which must have begun. */
  errorEvents({ status, message, param }: Refusal): string {
    const code = status === 429 ? "rate_limit_exceeded" : "server_error";
    if (this.#options.kind === "gpu") {
      return this.#event("error", { code: String(status), message, param: param ?? null });
    }
    const begun = this.#sequence === 0 ? this.opening() : "";
    const failed = { status: "failed", output: [], usage: null, error: { code, message } };
    return begun + this.#event("response.failed", { response: this.#response(failed) });
  }

  brokenEvents(): string {
    return `event: response.output_text.delta\ndata: {"type":"response.output_text.delta",\n\n`;
  }

  endlessLine(): string {
    return `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"`;
  }

  #open(written: Written): string {
    this.#current = written;
    const { item, index } = written;
    return (
      this.#event("response.output_item.added", {
        output_index: index,
        item: item.item("in_progress", ""),
      }) +
      item
        .opening()
        .map((event) => this.#itemEvent(written, ...event))
        .join("")
    );
  }

  #close(): string {
    const written = this.#current;
    if (written === undefined) return "";
    this.#current = undefined;
    const { item, index, part } = written;
    const text = partText(part, this.#options.steps);
    return (
      item
        .closing(text)
        .map((event) => this.#itemEvent(written, ...event))
        .join("") +
      this.#event("response.output_item.done", { output_index: index, item: this.#output(written) })
    );
  }

  #output({ item, part }: Written): JsonObject {
    const { steps } = this.#options;
    const whole = steps >= part.to && part.to - part.from === part.length;
    return item.item(whole ? "completed" : "incomplete", partText(part, steps));
  }

  #status(): "completed" | "incomplete" | "cancelled" {
    if (this.#options.aborts) return "cancelled";
    const [sequence] = this.#options.generation.sequences;
    return sequence?.finishReason === "length" ? "incomplete" : "completed";
  }

  #ended(): JsonObject {
    const { steps, usage } = this.#options;
    const status = this.#status();
    return this.#response({
      status,
      output: this.#items.filter(({ part }) => part.from < steps).map((each) => this.#output(each)),
      ...(status === "incomplete"
        ? { incomplete_details: { reason: "max_output_tokens" } }
        : { completed_at: Math.floor(Date.now() / 1000) }),
      ...(usage === "absent" ? {} : { usage: usage === undefined ? this.#usage() : usage }),
    });
  }

  #usage(): JsonObject {
    const { generation, steps } = this.#options;
    const { prompt, completion, reasoning } = generation.countsAfter(steps);
    return {
      input_tokens: prompt,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: completion,
      output_tokens_details: { reasoning_tokens: reasoning },
      total_tokens: prompt + completion,
    };
  }

  #response(fields: JsonObject): JsonObject {
    const { model, body } = this.#options.request;
    const echoed = Object.entries(defaults).map(([name, value]) => [name, body[name] ?? value]);
    return {
      id: this.#id,
      object: "response",
      created_at: this.#created,
      model,
      background: false,
      error: null,
      incomplete_details: null,
      ...(Object.fromEntries(echoed) as JsonObject),
      ...fields,
    };
  }

  #itemEvent({ item, index }: Written, type: string, fields: JsonObject): string {
    return this.#event(type, { item_id: item.id, output_index: index, ...fields });
  }

  #event(type: string, fields: JsonObject): string {
    const data = { type, sequence_number: this.#sequence, ...fields };
    this.#sequence += 1;
    return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
  }
}

/** What a response repeats of its request, and says when that does not. */
const defaults: JsonObject = {
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  service_tier: "default",
  store: true,
  temperature: 1,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_p: 1,
  truncation: "disabled",
  user: null,
};
