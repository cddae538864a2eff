import { ConfigError, type ConfigProblem } from "../../../config/config-error.ts";
import { parseConfig } from "../../../config/load-config.ts";
import type { Lookup } from "../../../config/environment.ts";

export function lookupIn(values: Readonly<Record<string, string>>): Lookup {
  return (name) => values[name];
}

export function accept(text: string, values: Readonly<Record<string, string>> = {}) {
  return parseConfig(text, { file: "spillway.yaml", lookup: lookupIn(values) });
}

/** The text must be refused; its problems are returned. */
export function refuse(
  text: string,
  values: Readonly<Record<string, string>> = {},
): readonly ConfigProblem[] {
  try {
    accept(text, values);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  throw new Error("the configuration was accepted");
}

/** Each problem becomes one line: `line:column field: message`. */
export function problemLines(problems: readonly ConfigProblem[]): string[] {
  return problems.map(
    ({ line, column, field, message }) => `${line}:${column} ${field}: ${message}`,
  );
}

/** The file is valid; the tests change single lines of it. */
export const soundText = `providers:
  gpu-a:
    location: local
    base_url: http://10.0.0.5:8000/v1
    slots: 16
    price: { input: 0, output: 0 }
  openai:
    location: cloud
    base_url: https://api.openai.com/v1
    api_key: \${OPENAI_API_KEY:-none}
    slots: 64
models:
  chat-small:
    serve: [{ provider: gpu-a, model: llama }]
    overflow:
      - provider: openai
        model: gpt-4o-mini
        price: { input: 0.15, output: 0.60 }
    overflow_when: { waited: 5s, failed: true }
    max_output_tokens: 4096
`;

/** Replaces one line, counted from 1, of the valid text. */
export function withLine(number: number, ...replacement: string[]): string {
  return soundText
    .split("\n")
    .toSpliced(number - 1, 1, ...replacement)
    .join("\n");
}
