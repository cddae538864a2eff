import { InvalidArgumentError } from "commander";

/** Reads an option's value that must be a whole number of at least 1. */
export function wholeNumber(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError("Must be a whole number of at least 1.");
  return number;
}

/** Reads an id: an empty one, such as of a shell's unset variable, would stand for the whole list. */
export function givenId(value: string): string {
  if (value.trim() === "") throw new InvalidArgumentError("Must not be empty.");
  return value;
}
