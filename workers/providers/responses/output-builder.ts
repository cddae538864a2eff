import type { JsonObject } from "../../../shared/json/json-object.ts";
import type { ItemEvent } from "../../../shared/responses/item-events.ts";
import type { ToolTable } from "../../../shared/responses/tool-table.ts";
import { CallItem } from "./call-item.ts";
import type { CallPiece, ChatPiece, TextOfChat } from "./chat-pieces.ts";
import { TextItem } from "./text-item.ts";

type KnownPiece = Exclude<ChatPiece, { readonly kind: "unknown" }>;

/**
 * Builds the output items of one response while their parts come in. One message or reasoning item is
 * open at a time. Calls stay open to the end, since several may come in turns.
 */
export class OutputBuilder {
  readonly #responseId: string;
  readonly #tools: ToolTable;
  readonly #items: (TextItem | CallItem)[] = [];
  readonly #calls: CallItem[] = [];
  readonly #callIds = new Set<string>();
  #open: TextItem | undefined;
  /** Citations of the next text. */
  readonly #citations: JsonObject[] = [];
  #answerText = "";

  constructor(responseId: string, tools: ToolTable) {
    this.#responseId = responseId;
    this.#tools = tools;
  }

  items(): readonly JsonObject[] {
    return this.#items.map((each) => each.item());
  }

  get isEmpty(): boolean {
    return this.#items.length === 0 && this.#calls.length === 0;
  }

  get hasCalls(): boolean {
    return this.#calls.length > 0;
  }

  /** The text of the answer so far, without reasoning. */
  get answerText(): string {
    return this.#answerText;
  }

  take(piece: KnownPiece): readonly ItemEvent[] {
    if (piece.kind === "call") return this.#call(piece.call);
    if (piece.kind === "annotation") return this.#annotate(piece.annotation);
    return this.#text(piece.kind, piece.text);
  }

  #text(kind: TextOfChat, text: string): readonly ItemEvent[] {
    if (text === "") return [];
    if (kind === "output_text") this.#answerText += text;
    return [...this.#settle(), ...this.#add(kind, text)];
  }

  /** Adds a citation, which may come with the text, after it, or before it. */
  #annotate(annotation: JsonObject): readonly ItemEvent[] {
    const events = this.#open?.annotate(annotation);
    if (events === undefined) this.#citations.push(annotation);
    return events ?? [];
  }

  #call(piece: CallPiece): readonly ItemEvent[] {
    const events = [...this.#closeText("completed")];
    let call = this.#callOf(piece);
    if (call === undefined) {
      events.push(...this.#settleNamed());
      call = new CallItem(this.#responseId, piece.index);
      this.#calls.push(call);
    }
    events.push(...call.take(piece));
    if (call.isReady) events.push(...this.#settle(call));
    return events;
  }

  /**
   * Finishes all items in their order. Returns undefined if a call never got its name, or if its
   * tool does not take its arguments.
   */
  finish(status: "completed" | "incomplete"): readonly ItemEvent[] | undefined {
    const events: ItemEvent[] = [...this.#settle()];
    if (this.#calls.some((call) => !call.isOpen)) return undefined;
    const answered = this.#items.some((each) => each.type !== "reasoning");
    // Clients look for a message, even an empty one.
    if (status === "completed" && !answered) events.push(...this.#add("output_text", ""));
    events.push(...this.#closeText(status));
    for (const call of this.#calls) {
      const ending = call.close(status);
      if (ending === undefined) return undefined;
      events.push(...ending);
    }
    return events;
  }

  /** Finds the call of a piece. Some engines give all calls one index, some even no id. */
  #callOf(piece: CallPiece): CallItem | undefined {
    const here = this.#calls.filter((call) => call.upstreamIndex === piece.index);
    const byId = here.find((call) => piece.id !== "" && call.upstreamId === piece.id);
    const call = byId ?? here.at(-1);
    return call?.isOther(piece, (name) => this.#tools.has(name)) === true ? undefined : call;
  }

  /** Gives a place to calls before the next one, unless their names may go on. */
  #settleNamed(): readonly ItemEvent[] {
    const { functions } = this.#tools;
    return this.#calls
      .filter((call) => functions.length === 0 || this.#tools.has(call.functionName))
      .flatMap((call) => this.#settle(call));
  }

  /**
   * Gives a place to calls with a whole name. When a text begins or the answer ends, every name is
   * whole.
   */
  #settle(only?: CallItem): readonly ItemEvent[] {
    return this.#calls
      .filter((call) => call.isPending && (only === undefined || call === only))
      .flatMap((call) => {
        const tool = this.#tools.calledBy(call.functionName);
        const events = call.open(this.#items.length, tool, this.#callIds);
        this.#items.push(call);
        return events;
      });
  }

  #add(kind: TextOfChat, text: string): readonly ItemEvent[] {
    const type = kind === "summary_text" ? "reasoning" : "message";
    const closed = this.#open?.type === type ? [] : this.#closeText("completed");
    if (this.#open === undefined) {
      this.#open = new TextItem(type, this.#items.length, this.#responseId);
      this.#items.push(this.#open);
    }
    const events = [...closed, ...this.#open.take(kind, text)];
    if (kind === "output_text")
      for (const each of this.#citations.splice(0)) events.push(...this.#annotate(each));
    return events;
  }

  #closeText(status: "completed" | "incomplete"): readonly ItemEvent[] {
    const open = this.#open;
    this.#open = undefined;
    return open?.close(status) ?? [];
  }
}
