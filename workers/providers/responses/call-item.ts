import type { JsonObject } from "../../../shared/json/json-object.ts";
import { ownedItemId } from "../../../shared/responses/item-id.ts";
import {
  itemEvent,
  type ItemEvent,
  type ItemPlace,
} from "../../../shared/responses/item-events.ts";
import type { CalledTool } from "../../../shared/responses/tool-table.ts";
import { isToldAgain, joinedName } from "../../../shared/chat/call-texts.ts";
import { isCompleteJson } from "../../../shared/json/json-object.ts";
import { callShape, type CallShape } from "./call-shape.ts";
import type { CallPiece } from "./chat-pieces.ts";

/**
 * A tool call while it is written. Its name may come in pieces, so it gets its place in the output
 * with its first arguments, or when something else begins.
 */
export class CallItem {
  readonly type = "call";
  readonly #responseId: string;
  readonly upstreamIndex: number;
  #upstreamId = "";
  #callId = "";
  #name = "";
  #extra: JsonObject | undefined;
  #arguments = "";
  /** Some engines write an empty object before the real arguments. */
  #placeholder = "";
  #index: number | undefined;
  #shape: CallShape | undefined;
  #status: "in_progress" | "completed" | "incomplete" = "in_progress";

  constructor(responseId: string, upstreamIndex: number) {
    this.#responseId = responseId;
    this.upstreamIndex = upstreamIndex;
  }

  get isOpen(): boolean {
    return this.#index !== undefined;
  }

  get hasName(): boolean {
    return this.#name !== "";
  }

  get upstreamId(): string {
    return this.#upstreamId;
  }

  /** The call has only a name so far, and the name may go on. */
  get isPending(): boolean {
    return !this.isOpen && this.hasName;
  }

  /** Tells whether a piece under this call's index belongs to another call. */
  isOther(piece: CallPiece, isFunction: (name: string) => boolean): boolean {
    const { id, name } = piece;
    if (name === "") return false;
    const written = this.#placeholder + this.#arguments;
    if (id !== "" && this.#upstreamId !== "") {
      if (id !== this.#upstreamId) return true;
      return (
        isCompleteJson(written) && isCompleteJson(piece.arguments) && piece.arguments !== written
      );
    }
    // Some engines write the name last.
    if (written !== "" && this.hasName) return isCompleteJson(written) || name !== this.#name;
    if (!this.hasName || name === this.#name) return false;
    return isFunction(this.#name) && isFunction(name) && !isFunction(this.#name + name);
  }

  /** Takes a piece and returns the events that it makes. */
  take(piece: CallPiece): readonly ItemEvent[] {
    const written = this.#placeholder + this.#arguments;
    // The same chunk came twice.
    if (this.isOpen && piece.arguments === written && isCompleteJson(written)) return [];
    this.#upstreamId ||= piece.id;
    this.#extra ??= piece.extra;
    if (!this.isOpen) this.#name = joinedName(this.#name, piece.name);
    if (piece.arguments === "") return [];
    if (this.#placeholder === "" && isToldAgain(written, piece.arguments))
      return this.#add(piece.arguments.slice(written.length));
    if (written === "" && piece.arguments.trim() === "{}") {
      this.#placeholder = piece.arguments;
      return [];
    }
    const isReal = piece.arguments.trimStart().startsWith("{");
    const text = (isReal ? "" : this.#placeholder) + piece.arguments;
    this.#placeholder = "";
    return this.#add(text);
  }

  /** The call should get its place in the output now. */
  get isReady(): boolean {
    return this.isPending && this.#placeholder + this.#arguments !== "";
  }

  open(index: number, tool: CalledTool, takenIds: Set<string>): readonly ItemEvent[] {
    this.#index = index;
    this.#shape = callShape(tool);
    // Clients match outputs by the id, so that no two calls may share one.
    const free = this.#upstreamId !== "" && !takenIds.has(this.#upstreamId);
    this.#callId = free ? this.#upstreamId : `call_${index}_${this.#responseId.slice(-16)}`;
    takenIds.add(this.#callId);
    const text = this.#arguments;
    this.#arguments = "";
    return [itemEvent("added", index, this.item()), ...this.#add(text)];
  }

  get functionName(): string {
    return this.#name;
  }

  /** Returns the last events, or undefined if the tool does not take these arguments. */
  close(status: "completed" | "incomplete"): readonly ItemEvent[] | undefined {
    // Clients parse the arguments as JSON, but engines write none for a function without parameters.
    const missing = status === "completed" && this.#arguments === "" ? "{}" : "";
    const rest = this.#add(this.#placeholder || missing);
    this.#placeholder = "";
    this.#status = status;
    const shape = this.#opened();
    const ending = shape.done(this.#place(), this.#arguments, status);
    if (ending === undefined) return undefined;
    return [...rest, ...ending, itemEvent("done", this.#index ?? 0, this.item())];
  }

  item(): JsonObject {
    const shape = this.#opened();
    return {
      id: this.#place().item_id,
      type: shape.type,
      status: this.#status,
      call_id: this.#callId,
      ...shape.fields(this.#arguments, this.#status),
      ...(this.#extra === undefined ? {} : { extra_content: this.#extra }),
    };
  }

  #add(text: string): readonly ItemEvent[] {
    this.#arguments += text;
    if (text === "" || this.#shape === undefined) return [];
    return this.#shape.delta(this.#place(), text);
  }

  #opened(): CallShape {
    if (this.#shape === undefined) throw new Error("a call without a place in the output");
    return this.#shape;
  }

  #place(): ItemPlace {
    const index = this.#index ?? 0;
    const own = `${this.#opened().prefix}_${index}`;
    return { item_id: ownedItemId(own, this.#responseId), output_index: index };
  }
}
