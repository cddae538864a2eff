import { asObject, stringAt, type JsonObject } from "../../shared/json/json-object.ts";
import type { ItemEvent, TextKind } from "../../shared/responses/item-events.ts";
import { CallItem } from "./call-item.ts";
import { TextItem } from "./text-item.ts";

type TextOfChat = Exclude<TextKind, "reasoning_text">;

/**
 * The output items of one response while their parts come in. One message or reasoning item is
 * open at a time; function calls stay open to the end, since several may come in turns.
 */
export class OutputBuilder {
  readonly #responseId: string;
  readonly #items: (TextItem | CallItem)[] = [];
  /** By the upstream's index, the latest. */
  readonly #calls = new Map<number, CallItem>();
  readonly #allCalls: CallItem[] = [];
  readonly #callIds = new Set<string>();
  #open: TextItem | undefined;

  constructor(responseId: string) {
    this.#responseId = responseId;
  }

  /** The items so far. */
  items(): readonly JsonObject[] {
    return this.#items.map((each) => each.item());
  }

  /** More text of a kind. Chat knows reasoning as one text; clients show it as a summary only. */
  text(kind: TextOfChat, text: string): readonly ItemEvent[] {
    if (text === "") return [];
    return this.#add(kind, text);
  }

  /** More of a function call: a chunk's, at that position among its chunk's calls. */
  call(chunk: JsonObject, position: number): readonly ItemEvent[] {
    const index = typeof chunk["index"] === "number" ? chunk["index"] : position;
    const made = asObject(chunk["function"]) ?? {};
    const piece = {
      id: stringAt(chunk, "id"),
      name: stringAt(made, "name"),
      arguments: stringAt(made, "arguments"),
    };
    const events = this.#closeText("completed");
    let call = this.#calls.get(index);
    // Some engines give every call the same index, and tell calls apart by id.
    if (call === undefined || (piece.name !== "" && call.isOther(piece.id))) {
      call = new CallItem(this.#responseId);
      this.#calls.set(index, call);
      this.#allCalls.push(call);
    }
    const wasOpen = call.isOpen;
    const taken = call.take(piece, this.#items.length, this.#callIds);
    if (call.isOpen && !wasOpen) this.#items.push(call);
    return [...events, ...taken];
  }

  /** Finishes all items in their order; undefined when a call never got its name. */
  finish(status: "completed" | "incomplete"): readonly ItemEvent[] | undefined {
    if (this.#allCalls.some((call) => !call.isOpen)) return undefined;
    const answered = this.#items.some((each) => each.type !== "reasoning");
    // Clients look for a message, even an empty one.
    const empty = status === "completed" && !answered ? this.#add("output_text", "") : [];
    return [
      ...empty,
      ...this.#closeText(status),
      ...this.#allCalls.flatMap((call) => call.close(status)),
    ];
  }

  #add(kind: TextOfChat, text: string): readonly ItemEvent[] {
    const type = kind === "summary_text" ? "reasoning" : "message";
    const closed = this.#open?.type === type ? [] : this.#closeText("completed");
    if (this.#open === undefined) {
      this.#open = new TextItem(type, this.#items.length, this.#responseId);
      this.#items.push(this.#open);
    }
    return [...closed, ...this.#open.take(kind, text)];
  }

  #closeText(status: "completed" | "incomplete"): readonly ItemEvent[] {
    const open = this.#open;
    this.#open = undefined;
    return open?.close(status) ?? [];
  }
}
