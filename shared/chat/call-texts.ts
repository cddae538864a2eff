/** A name may be repeated in every piece, be told from its start each time, or come bit by bit. */
export function joinedName(before: string, piece: string): string {
  return piece.startsWith(before) ? piece : before + piece;
}

/**
 * The arguments of a call with the next piece of them: mostly its continuation. Some engines write an
 * empty object first, or everything from the start each time.
 */
export function joinedArguments(before: string, piece: string): string {
  const isPlaceholder = before.trim() === "{}" && piece.trimStart().startsWith("{");
  return isPlaceholder || isToldAgain(before, piece) ? piece : before + piece;
}

/** Whether a piece says what came before it once more, and then all the rest. */
export function isToldAgain(before: string, piece: string): boolean {
  return before !== "" && piece.startsWith(before) && isCompleteJson(piece);
}

/** Whether a text is a JSON object or list to its end. */
export function isCompleteJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text) || !/[\]}]\s*$/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
