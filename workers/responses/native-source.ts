import type { EventSourceMessage } from "eventsource-parser";
import type { ReportedUsage } from "../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { ownedItemId } from "../../shared/responses/item-id.ts";
import { adoptedResponse } from "../../shared/responses/response-object.ts";
import { failed } from "../openai/call-stopped.ts";
import { readErrorEvent } from "../openai/in-band-error.ts";
import { countStringBytes } from "../openai/output-bytes.ts";
import { readUsage } from "../openai/read-usage.ts";
import type { AskedResponse, ResponseSource, Taken } from "./response-source.ts";

/** What the broker tells by itself, or nobody needs. */
const dropped = new Set([
  "response.created",
  "response.queued",
  "response.in_progress",
  "keepalive",
]);

/** vLLM's own names for events that OpenAI's clients know under others. */
const renamed: ReadonlyMap<string, string> = new Map([
  ["response.reasoning_part.added", "response.content_part.added"],
  ["response.reasoning_part.done", "response.content_part.done"],
]);

const nothing: Taken = { kind: "none" };

/**
 * The events of an upstream that serves responses itself go on as they are, known or not, but for
 * their numbers and the items' ids, which get the response's mark.
 */
export class NativeSource implements ResponseSource {
  usage: ReportedUsage | undefined;
  readonly #asked: AskedResponse;
  readonly #items = new Map<unknown, JsonObject>();
  #deltaBytes = 0;
  #itemBytes = 0;

  constructor(asked: AskedResponse) {
    this.#asked = asked;
  }

  /** Only its last event says that a response is whole. */
  readonly isFinished = false;

  /** Text comes twice, in deltas and in whole items; either may be missing. */
  get outputBytes(): number {
    return Math.max(this.#deltaBytes, this.#itemBytes);
  }

  take(event: EventSourceMessage, data: JsonObject): Taken {
    const type = data["type"] ?? event.event;
    if (typeof type !== "string")
      return { kind: "failed", failure: failed("malformed", "an event has no type") };
    if (dropped.has(type)) return nothing;
    switch (type) {
      case "response.completed":
      case "response.incomplete":
        return this.#finish(type, event, asObject(data["response"]));
      case "response.failed": {
        const response = asObject(data["response"]);
        this.#readUsage(event);
        return { kind: "failed", failure: readErrorEvent({ error: response?.["error"] ?? {} }) };
      }
      default:
        return {
          kind: "events",
          events: [{ ...this.#owned(data), type: renamed.get(type) ?? type }],
        };
    }
  }

  done(): Taken {
    return { kind: "failed", failure: failed("cut", "[DONE] before the response's last event") };
  }

  #owned(data: JsonObject): JsonObject {
    this.#deltaBytes += countStringBytes(data["delta"]);
    const item = asObject(data["item"]);
    const owned = item === undefined ? undefined : this.#ownedItem(item);
    if (owned !== undefined && data["type"] === "response.output_item.done") {
      this.#itemBytes += countStringBytes(owned);
      this.#items.set(data["output_index"], owned);
    }
    return {
      ...data,
      ...(owned === undefined ? {} : { item: owned }),
      ...(typeof data["item_id"] === "string" ? { item_id: this.#ownedId(data["item_id"]) } : {}),
    };
  }

  #ownedItem(item: JsonObject): JsonObject {
    return typeof item["id"] === "string" ? { ...item, id: this.#ownedId(item["id"]) } : item;
  }

  #ownedId(id: string): string {
    return ownedItemId(id, this.#asked.facts.id);
  }

  #finish(
    type: "response.completed" | "response.incomplete",
    event: EventSourceMessage,
    upstream: JsonObject | undefined,
  ): Taken {
    const status = upstream?.["status"] ?? type.slice("response.".length);
    if (upstream === undefined || (status !== "completed" && status !== "incomplete"))
      return { kind: "failed", failure: failed("cut", "the response's last event is not its end") };
    this.#readUsage(event);
    const { body, facts } = this.#asked;
    const response = {
      ...adoptedResponse(body, facts, upstream),
      status,
      output: this.#output(upstream["output"]),
    };
    return { kind: "end", events: [], status, response };
  }

  /** Some upstreams end with an empty list, although items came. */
  #output(output: unknown): readonly unknown[] {
    const items = Array.isArray(output) ? (output as unknown[]) : [];
    if (items.length === 0) return [...this.#items.values()];
    const owned = items.map((each) => {
      const item = asObject(each);
      return item === undefined ? each : this.#ownedItem(item);
    });
    this.#itemBytes = Math.max(this.#itemBytes, countStringBytes(owned));
    return owned;
  }

  /** Reads counts from the text: in `data`, a number may be kept as it was written. */
  #readUsage(event: EventSourceMessage): void {
    const response = asObject(asObject(JSON.parse(event.data))?.["response"]);
    this.usage = readUsage(response?.["usage"], "responses");
  }
}
