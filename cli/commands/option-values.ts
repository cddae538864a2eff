import { InvalidArgumentError } from "commander";

/** Reads the value of an option: a whole number of at least 1. Throws `InvalidArgumentError`. */
export function wholeNumber(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError("Must be a whole number of at least 1.");
  return number;
}

/**
 * Reads an id. Throws `InvalidArgumentError` for an empty one, as a shell's unset variable gives,
 * which would stand for the whole list.
 */
export function givenId(value: string): string {
  if (value.trim() === "") throw new InvalidArgumentError("Must not be empty.");
  return value;
}
