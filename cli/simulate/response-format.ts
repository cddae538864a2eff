import type { JsonObject } from "../../shared/json/json-object.ts";
import { partText, type PlacedPart } from "./generation.ts";
import type { HttpError } from "./http-error.ts";
import { responseItem, type ResponseItem } from "./response-item.ts";
import type { WireFormat, WireOptions } from "./wire-format.ts";

/** An item of the answer and the part that it is made from. */
interface PlacedItem {
  readonly part: PlacedPart;
  readonly item: ResponseItem;
  readonly index: number;
}

/** Writes responses. Its events are numbered, so they must be requested in order. */
export class ResponseFormat implements WireFormat {
  readonly #options: WireOptions;
  readonly #id: string;
  readonly #created = Math.floor(Date.now() / 1000);
  readonly #items: readonly PlacedItem[];
  #sequence = 0;
  /** The item that has begun and not ended. */
  #current: PlacedItem | undefined;

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
      const placed = this.#items.find(({ part }) => step < part.to);
      if (placed === undefined) break;
      if (placed !== this.#current) text += this.#close() + this.#open(placed);
      const token = placed.part.token(step - placed.part.from);
      text += this.#itemEvent(placed, ...placed.item.delta(token));
    }
    return text;
  }

  ending(): string {
    const closing = this.#close();
    // vLLM says that it has completed even when it gave up.
    const type = this.#status() === "incomplete" ? "response.incomplete" : "response.completed";
    return closing + this.#event(type, { response: this.#ended() });
  }

  /** Only the last event of a response contains usage. */
  usageEvent(): string {
    return "";
  }

  /** vLLM sends an error; OpenAI sends the failed response, which must have begun. */
  errorEvents({ status, message, param }: HttpError): string {
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

  #open(placed: PlacedItem): string {
    this.#current = placed;
    const { item, index } = placed;
    return (
      this.#event("response.output_item.added", {
        output_index: index,
        item: item.item("in_progress", ""),
      }) +
      item
        .opening()
        .map((event) => this.#itemEvent(placed, ...event))
        .join("")
    );
  }

  #close(): string {
    const placed = this.#current;
    if (placed === undefined) return "";
    this.#current = undefined;
    const { item, index, part } = placed;
    const text = partText(part, this.#options.steps);
    return (
      item
        .closing(text)
        .map((event) => this.#itemEvent(placed, ...event))
        .join("") +
      this.#event("response.output_item.done", { output_index: index, item: this.#output(placed) })
    );
  }

  #output({ item, part }: PlacedItem): JsonObject {
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
    const echoed = Object.entries(ECHOED_FIELDS).map(([name, value]) => [
      name,
      body[name] ?? value,
    ]);
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

  #itemEvent({ item, index }: PlacedItem, type: string, fields: JsonObject): string {
    return this.#event(type, { item_id: item.id, output_index: index, ...fields });
  }

  #event(type: string, fields: JsonObject): string {
    const data = { type, sequence_number: this.#sequence, ...fields };
    this.#sequence += 1;
    return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
  }
}

/**
 * Fields that a response repeats from its request, with their values when the request omits them.
 */
const ECHOED_FIELDS: JsonObject = {
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
