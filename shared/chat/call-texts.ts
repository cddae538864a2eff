import { isCompleteJson } from "../json/json-object.ts";

/**
 * Joins a tool's name with its next piece. Some engines repeat the name in every piece, some send
 * it from its start each time, and some send it bit by bit.
 */
export function joinedName(before: string, piece: string): string {
  return piece.startsWith(before) ? piece : before + piece;
}

/**
 * Joins the arguments of a call with their next piece, which mostly continues them. Some engines
 * write an empty object first, or send everything from the start each time.
 */
export function joinedArguments(before: string, piece: string): string {
  const isPlaceholder = before.trim() === "{}" && piece.trimStart().startsWith("{");
  return isPlaceholder || isToldAgain(before, piece) ? piece : before + piece;
}

/** Returns true when a piece repeats all that came before it and completes the JSON. */
export function isToldAgain(before: string, piece: string): boolean {
  return before !== "" && piece.startsWith(before) && isCompleteJson(piece);
}
