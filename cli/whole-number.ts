import { InvalidArgumentError } from "commander";

/** Reads an option's value that must be a whole number of at least 1. */
export function wholeNumber(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError("Must be a whole number of at least 1.");
  return number;
}
