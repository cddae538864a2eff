/** One problem of a configuration file. Lines and columns count from 1. */
export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** A path such as `models.chat-small.serve[0].price`; empty for the file as a whole. */
  readonly field: string;
  readonly message: string;
}

/** A refused configuration. Its message has one line for each problem, in file order. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options?: ErrorOptions) {
    const inFileOrder = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
    super(inFileOrder.map(problemLine).join("\n"), options);
    this.problems = inFileOrder;
  }
}

function problemLine({ file, line, column, field, message }: ConfigProblem): string {
  return `${file}:${line}:${column}${field === "" ? ":" : ` ${field}:`} ${message}`;
}
