import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { outputEvents } from "../../../shared/responses/finished-events.ts";
import { ownedItemId } from "../../../shared/responses/item-id.ts";
import { adoptedResponse } from "../../../shared/responses/response-object.ts";
import { failed } from "../call-end.ts";
import type { ChunkEvent } from "../chat/chunk-feed.ts";
import { readErrorEvent } from "../errors/in-band-error.ts";
import { countStringBytes } from "../chat/output-bytes.ts";
import { readUsage } from "../chat/read-usage.ts";
import { NativePlaces } from "./native-places.ts";
import type { ResponseRequest } from "../responses/response-request.ts";
import type { ResponseSource, ResponseStep } from "../responses/response-source.ts";

/** The broker sends these events itself, or nobody needs them. */
const DROPPED = new Set([
  "response.created",
  "response.queued",
  "response.in_progress",
  "keepalive",
]);

/** Names of vLLM's own, each with the name that OpenAI's clients know. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ["response.reasoning_part.added", "response.content_part.added"],
  ["response.reasoning_part.done", "response.content_part.done"],
]);

const NOTHING: ResponseStep = { kind: "none" };

/**
 * Forwards the events of an upstream that serves responses itself, known or unknown. Only their
 * numbers change, and the items' ids, which get the response's mark.
 */
export class NativeSource implements ResponseSource {
  usage: ReportedUsage | undefined;
  readonly #request: ResponseRequest;
  readonly #items = new Map<unknown, JsonObject>();
  readonly #mayHideCuts: boolean;
  readonly #places = new NativePlaces();
  #deltaBytes = 0;
  #itemBytes = 0;

  /** `mayHideCuts`: the upstream may call an answer completed that was cut at its cap. */
  constructor(request: ResponseRequest, mayHideCuts = true) {
    this.#request = request;
    this.#mayHideCuts = mayHideCuts;
  }

  /** Only its last event says that a response is whole. */
  readonly isFinished = false;

  /** Text comes twice, in deltas and in whole items. Either may be missing. */
  get outputBytes(): number {
    return Math.max(this.#deltaBytes, this.#itemBytes);
  }

  take(event: ChunkEvent, data: JsonObject): ResponseStep {
    const type = data["type"] ?? event.name;
    if (data["object"] === "response" && data["type"] === undefined)
      return this.#whole(event, data);
    if (typeof type !== "string")
      return { kind: "failed", failure: failed("malformed", "an event has no type") };
    if (DROPPED.has(type)) return NOTHING;
    switch (type) {
      case "response.completed":
      case "response.incomplete":
      case "response.failed": {
        this.#readUsage(asObject(JSON.parse(event.text))?.["response"]);
        return this.#finish(type.slice("response.".length), asObject(data["response"]), false);
      }
      default:
        return {
          kind: "events",
          events: [
            {
              ...this.#owned(type, this.#places.fill(type, data)),
              type: RENAMED.get(type) ?? type,
            },
          ],
        };
    }
  }

  done(): ResponseStep {
    return { kind: "failed", failure: failed("cut", "[DONE] before the response's last event") };
  }

  #owned(type: string, data: JsonObject): JsonObject {
    this.#deltaBytes += countStringBytes(data["delta"]);
    const item = asObject(data["item"]);
    const owned = item === undefined ? undefined : this.#ownedItem(item);
    if (owned !== undefined && type === "response.output_item.done") {
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
    return ownedItemId(id, this.#request.context.id);
  }

  /** Takes a response that came as one object although a stream was asked for. */
  #whole(event: ChunkEvent, response: JsonObject): ResponseStep {
    this.#readUsage(JSON.parse(event.text));
    return this.#finish(undefined, response, true);
  }

  /** `eventStatus` counts where the response itself has no status. */
  #finish(
    eventStatus: string | undefined,
    upstream: JsonObject | undefined,
    isWhole: boolean,
  ): ResponseStep {
    const upstreamStatus = upstream?.["status"] ?? eventStatus;
    if (upstreamStatus === "failed" || eventStatus === "failed")
      return { kind: "failed", failure: readErrorEvent({ error: upstream?.["error"] ?? {} }) };
    if (
      upstream === undefined ||
      (upstreamStatus !== "completed" && upstreamStatus !== "incomplete")
    )
      return { kind: "failed", failure: failed("cut", "the response's last event is not its end") };
    const { body, context } = this.#request;
    const output = this.#output(upstream["output"]);
    const isCut = upstreamStatus === "completed" && this.#mayHideCuts && this.#isAtCap();
    const status = isCut ? "incomplete" : upstreamStatus;
    const response = {
      ...adoptedResponse(body, context, upstream),
      status,
      ...(isCut ? { completed_at: null, incomplete_details: { reason: "max_output_tokens" } } : {}),
      output,
    };
    return { kind: "end", events: isWhole ? outputEvents(output) : [], status, response };
  }

  /** llama.cpp and Ollama never say that an answer was cut. */
  #isAtCap(): boolean {
    const { maxOutputTokens } = this.#request.context;
    return maxOutputTokens !== null && (this.usage?.completionTokens ?? 0) >= maxOutputTokens;
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

  /** `response` is parsed as usual, since in `data` a number may be kept as it was written. */
  #readUsage(response: unknown): void {
    const usage = asObject(response)?.["usage"];
    this.usage = readUsage(usage, "responses");
  }
}
