import type { JsonObject } from "../../../shared/json/json-object.ts";
import { ownedItemId } from "../../../shared/responses/item-id.ts";
import {
  emptyPart,
  itemEvent,
  partEvents,
  type ItemEvent,
  type TextKind,
} from "../../../shared/responses/item-events.ts";

interface Part {
  readonly kind: TextKind;
  text: string;
  readonly annotations: JsonObject[];
}

/** A message or a reasoning item while it is written. */
export class TextItem {
  readonly type: "message" | "reasoning";
  readonly #index: number;
  readonly #id: string;
  readonly #parts: Part[] = [];
  #opened = false;
  #status: "in_progress" | "completed" | "incomplete" = "in_progress";

  constructor(type: "message" | "reasoning", index: number, responseId: string) {
    this.type = type;
    this.#index = index;
    this.#id = ownedItemId(`${type === "message" ? "msg" : "rs"}_${index}`, responseId);
  }

  take(kind: TextKind, text: string): readonly ItemEvent[] {
    const events: ItemEvent[] = [];
    if (!this.#opened) {
      this.#opened = true;
      events.push(itemEvent("added", this.#index, this.item()));
    }
    let part = this.#parts.at(-1);
    if (part?.kind !== kind) {
      events.push(...this.#closePart());
      part = { kind, text: "", annotations: [] };
      this.#parts.push(part);
      events.push(this.#events(part).added(emptyPart(kind)));
    }
    if (text === "") return events;
    part.text += text;
    events.push(this.#events(part).delta(text));
    return events;
  }

  /** Adds an annotation to the open text. Returns undefined if no text is open. */
  annotate(annotation: JsonObject): readonly ItemEvent[] | undefined {
    const part = this.#parts.at(-1);
    if (part?.kind !== "output_text") return undefined;
    const { annotations } = part;
    // Some gateways send all annotations with every chunk.
    if (annotations.some((each) => JSON.stringify(each) === JSON.stringify(annotation))) return [];
    annotations.push(annotation);
    return [this.#events(part).annotated(annotation, annotations.length - 1)];
  }

  close(status: "completed" | "incomplete"): readonly ItemEvent[] {
    this.#status = status;
    return [...this.#closePart(), itemEvent("done", this.#index, this.item())];
  }

  item(): JsonObject {
    const parts = this.#parts.map(wholePart);
    const head = { id: this.#id, type: this.type };
    return this.type === "reasoning"
      ? { ...head, summary: parts }
      : { ...head, status: this.#status, role: "assistant", content: parts };
  }

  #closePart(): readonly ItemEvent[] {
    const part = this.#parts.at(-1);
    return part === undefined ? [] : this.#events(part).done(wholePart(part));
  }

  #events({ kind }: Part): ReturnType<typeof partEvents> {
    const place = { item_id: this.#id, output_index: this.#index };
    return partEvents(kind, place, this.#parts.length - 1);
  }
}

function wholePart({ kind, text, annotations }: Part): JsonObject {
  return {
    ...emptyPart(kind),
    [kind === "refusal" ? "refusal" : "text"]: text,
    ...(annotations.length === 0 ? {} : { annotations: [...annotations] }),
  };
}
