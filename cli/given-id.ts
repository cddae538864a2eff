import { InvalidArgumentError } from "commander";

/** Reads an id: an empty one, such as of a shell's unset variable, would stand for the whole list. */
export function givenId(value: string): string {
  if (value.trim() === "") throw new InvalidArgumentError("Must not be empty.");
  return value;
}
