import type { JsonObject } from "../../shared/json/json-object.ts";
import { ownedItemId } from "../../shared/responses/item-id.ts";
import {
  argumentsDelta,
  argumentsDone,
  itemEvent,
  type ItemEvent,
} from "../../shared/responses/item-events.ts";

/** A piece of a function call, as a chunk has it; empty where it says nothing. */
export interface CallPiece {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** A function call while it is written. It has a place in the output once its name is known. */
export class CallItem {
  readonly type = "function_call";
  readonly #responseId: string;
  #upstreamId = "";
  #callId = "";
  #name = "";
  #arguments = "";
  #index: number | undefined;
  #status: "in_progress" | "completed" | "incomplete" = "in_progress";

  constructor(responseId: string) {
    this.#responseId = responseId;
  }

  get isOpen(): boolean {
    return this.#index !== undefined;
  }

  /** Whether this id stands for another call. */
  isOther(id: string): boolean {
    return id !== "" && this.#upstreamId !== "" && id !== this.#upstreamId;
  }

  /** Takes a piece. `index` is the place that it gets if it has none yet. */
  take(piece: CallPiece, index: number, takenIds: Set<string>): readonly ItemEvent[] {
    this.#upstreamId ||= piece.id;
    this.#name ||= piece.name;
    if (this.#index !== undefined) return this.#add(piece.arguments);
    const text = this.#arguments + piece.arguments;
    this.#arguments = text;
    if (this.#name === "") return [];
    this.#index = index;
    this.#arguments = "";
    // Two calls of one id are none to clients, which match outputs by it.
    const free = this.#upstreamId !== "" && !takenIds.has(this.#upstreamId);
    this.#callId = free ? this.#upstreamId : `call_${index}_${this.#responseId.slice(-16)}`;
    takenIds.add(this.#callId);
    return [itemEvent("added", index, this.item()), ...this.#add(text)];
  }

  close(status: "completed" | "incomplete"): readonly ItemEvent[] {
    // Clients parse the arguments as JSON; engines write none of a function without parameters.
    const filled = status === "completed" && this.#arguments === "" ? this.#add("{}") : [];
    this.#status = status;
    return [
      ...filled,
      argumentsDone(this.#place(), this.#name, this.#arguments),
      itemEvent("done", this.#index ?? 0, this.item()),
    ];
  }

  item(): JsonObject {
    return {
      id: this.#place().item_id,
      type: this.type,
      status: this.#status,
      call_id: this.#callId,
      name: this.#name,
      arguments: this.#arguments,
    };
  }

  #add(text: string): readonly ItemEvent[] {
    if (text === "") return [];
    this.#arguments += text;
    return [argumentsDelta(this.#place(), text)];
  }

  #place() {
    const index = this.#index ?? 0;
    return { item_id: ownedItemId(`fc_${index}`, this.#responseId), output_index: index };
  }
}
