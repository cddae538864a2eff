import { randomUUID } from "node:crypto";
import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { keptMessages } from "../../../shared/responses/compaction.ts";
import { outputEvents } from "../../../shared/responses/finished-events.ts";
import { ownedItemId } from "../../../shared/responses/item-id.ts";
import { sealSummary } from "../../../shared/responses/summary-seal.ts";
import { failed } from "../call-end.ts";
import type { ChunkEvent } from "../chat/chunk-feed.ts";
import { plainText } from "./chat-content.ts";
import type { ResponseRequest } from "./response-request.ts";
import type { ResponseSource, ResponseStep } from "./response-source.ts";

const CUT_NOTE = "\n\n[The summary ends here because it reached its limit.]";

/** Turns a model's summary of a conversation into the compaction of that conversation. */
export class CompactionSource implements ResponseSource {
  readonly #source: ResponseSource;
  readonly #request: ResponseRequest;

  constructor(source: ResponseSource, request: ResponseRequest) {
    this.#source = source;
    this.#request = request;
  }

  get outputBytes(): number {
    return this.#source.outputBytes;
  }

  get usage(): ReportedUsage | undefined {
    return this.#source.usage;
  }

  get isFinished(): boolean {
    return this.#source.isFinished;
  }

  take(event: ChunkEvent, data: JsonObject): ResponseStep {
    return this.#turned(this.#source.take(event, data));
  }

  done(): ResponseStep {
    return this.#turned(this.#source.done());
  }

  /** Drops the summary's own events: one whole item takes their place. */
  #turned(step: ResponseStep): ResponseStep {
    if (step.kind === "events") return { ...step, events: [] };
    if (step.kind !== "end") return step;
    const { response, status } = step;
    const text = summaryOf(response["output"]);
    if (text === "")
      return { kind: "failed", failure: failed("malformed", "a compaction without a summary") };
    const { body, context, now } = this.#request;
    const item = {
      id: ownedItemId(`cmp_${randomUUID().replaceAll("-", "")}`, context.id),
      type: "compaction",
      encrypted_content: sealSummary(status === "incomplete" ? text + CUT_NOTE : text),
    };
    const compacted =
      context.compaction === "object"
        ? {
            id: context.id,
            object: "response.compaction",
            created_at: context.createdAt,
            output: [...keptItems(body["input"], context.id), item],
            usage: response["usage"] ?? null,
          }
        : {
            ...response,
            status: "completed",
            completed_at: response["completed_at"] ?? Math.floor(now() / 1_000),
            incomplete_details: null,
            output: [item],
          };
    return { kind: "end", events: outputEvents([item]), status: "completed", response: compacted };
  }
}

function summaryOf(output: unknown): string {
  const items = Array.isArray(output) ? (output as unknown[]) : [];
  return items
    .map((each) => asObject(each) ?? {})
    .filter(({ type }) => type === "message")
    .map(({ content }) => plainText(content))
    .join("\n\n")
    .trim();
}

/** Writes messages as output items, which have their parts in a list, an id and a status. */
function keptItems(input: unknown, responseId: string): readonly JsonObject[] {
  const items = Array.isArray(input) ? (input as unknown[]) : [];
  return keptMessages(items).map(({ content, ...item }, index) => ({
    id: ownedItemId(`msg_${index}`, responseId),
    ...item,
    type: "message",
    status: "completed",
    content: typeof content === "string" ? [{ type: "input_text", text: content }] : content,
  }));
}
