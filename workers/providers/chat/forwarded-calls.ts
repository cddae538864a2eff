import { newId } from "../../../shared/contracts/new-id.ts";
import { asObject, stringAt, type JsonObject } from "../../../shared/json/json-object.ts";
import { mergeCall, type AddedPiece } from "../../../shared/chat/merge-call.ts";
import type { Merged } from "../../../shared/chat/merge-piece.ts";

/**
 * Forwards the tool calls of one choice. Clients put the pieces of a call together by its index
 * alone, from 0 on, and look for an id and a type in its first piece. What engines leave out or
 * write otherwise is corrected, as in a whole answer that is put together.
 */
export class ForwardedCalls {
  readonly #calls: Merged[] = [];

  /**
   * Returns the pieces of a chunk as clients read them, or undefined if they may stay as they came.
   */
  take(pieces: unknown): readonly JsonObject[] | undefined {
    const list: readonly unknown[] = Array.isArray(pieces) ? pieces : [pieces];
    let isAsItCame = list === pieces;
    const readable: JsonObject[] = [];
    for (const [position, each] of list.entries()) {
      const piece = asObject(each);
      const added = piece === undefined ? undefined : mergeCall(this.#calls, piece, position);
      if (piece !== undefined && added !== undefined && isPlain(piece, added)) {
        readable.push(piece);
        continue;
      }
      isAsItCame = false;
      if (piece !== undefined && added !== undefined) readable.push(readablePiece(piece, added));
    }
    return isAsItCame ? undefined : readable;
  }
}

/** Tells whether a piece is as OpenAI writes it: an id and a type first, then only what is new. */
function isPlain(piece: JsonObject, { place, isNew, arguments: added }: AddedPiece): boolean {
  if (piece["index"] !== place) return false;
  const [id, type] = [stringAt(piece, "id"), stringAt(piece, "type")];
  if (isNew ? id === "" || type === "" : id !== "") return false;
  const made = asObject(piece["function"]);
  if (made === undefined) return true;
  const own = made["arguments"];
  return (own ?? "") === added && (isNew || stringAt(made, "name") === "");
}

function readablePiece(piece: JsonObject, added: AddedPiece): JsonObject {
  const { index: _, id, type: __, function: made, ...rest } = piece;
  const start = added.isNew ? { id: callId(id), type: callType(piece) } : {};
  const { name: ___, arguments: ____, ...others } = asObject(made) ?? {};
  const name = added.name === "" && !added.isNew ? {} : { name: added.name };
  const call = made == null ? {} : { function: { ...others, ...name, arguments: added.arguments } };
  return { index: added.place, ...start, ...rest, ...call };
}

/** Returns a call's id as a text. Results are matched by it, so a call without one gets one of ours. */
export function callId(id: unknown): string {
  if (typeof id === "string" && id !== "") return id;
  return typeof id === "number" ? String(id) : newId("call");
}

/** Returns a call's type, or the one that its members show where the engine says none. */
export function callType(call: JsonObject): unknown {
  return call["type"] || (call["custom"] === undefined ? "function" : "custom");
}
