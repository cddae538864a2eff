import type { LineCounter } from "yaml";
import { ConfigError, type ConfigProblem } from "./config-error.ts";
import { fieldName, type ProblemPath } from "./problem-path.ts";

/** Collects the problems of one file, each of them once. */
export class ProblemLog {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #problems = new Map<string, ConfigProblem>();

  constructor(file: string, lines: LineCounter) {
    this.#file = file;
    this.#lines = lines;
  }

  /** Adds a problem at an offset, in characters from the start of the text. */
  add(offset: number, path: ProblemPath, message: string): void {
    const { line, column } = this.position(offset);
    const field = fieldName(path);
    this.#problems.set(JSON.stringify([line, column, field, message]), {
      file: this.#file,
      line,
      column,
      field,
      message,
    });
  }

  /** Converts an offset in characters to line and column, both counted from 1. */
  position(offset: number): { readonly line: number; readonly column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  /** Throws a `ConfigError` with all problems so far, if there are any. */
  throwIfAny(): void {
    if (this.#problems.size > 0) throw new ConfigError([...this.#problems.values()]);
  }
}
