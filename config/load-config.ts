import { readFileSync } from "node:fs";
import { type Document, LineCounter } from "yaml";
import { checkSchema } from "./check-schema.ts";
import { ConfigError } from "./config-error.ts";
import type { Config } from "./config.ts";
import { crossCheck } from "./cross-checks.ts";
import type { Lookup } from "./environment.ts";
import { interpolateDocument } from "./interpolate-document.ts";
import { ProblemLog } from "./problem-log.ts";
import { readYaml } from "./read-yaml.ts";
import { resolveConfig } from "./resolve-config.ts";
import { yamlKeyOffset, yamlPosition } from "./yaml-position.ts";

interface ConfigContext {
  /** The file's name in messages. */
  readonly file: string;
  /** Looks up the values for `${NAME}`. */
  readonly lookup: Lookup;
}

/** Reads a configuration from its text. Throws a `ConfigError` with all its problems. */
export function parseConfig(text: string, { file: fileName, lookup }: ConfigContext): Config {
  const lines = new LineCounter();
  const log = new ProblemLog(fileName, lines);
  const document = readYaml(text, lines, log);
  const interpolated = interpolateDocument(document, lookup, log);
  const { values, file } = checkSchema(document, interpolated, log);
  crossCheck(values, (path, message) =>
    log.add(yamlPosition(document, path).offset, path, message),
  );
  log.throwIfAny();
  if (file === undefined) throw new Error(`${fileName}: refused without a reason`);
  return resolveConfig(file, {
    providers: namesInFileOrder(document, "providers", Object.keys(file.providers)),
    models: namesInFileOrder(document, "models", Object.keys(file.models)),
  });
}

/**
 * Reads a configuration file in UTF-8. Throws a `ConfigError`, also when the file cannot be read.
 */
export function loadConfig(path: string, lookup: Lookup): Config {
  return parseConfig(readText(path), { file: path, lookup });
}

function readText(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    const message = `cannot be read: ${reasonOf(cause)}`;
    throw new ConfigError([{ file: path, line: 1, column: 1, field: "", message }], { cause });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof TypeError) return "not valid UTF-8";
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT") return "no such file";
  if (code === "EISDIR") return "it is a directory";
  if (code === "EACCES") return "permission denied";
  return String(code ?? error);
}

/**
 * Returns a section's names in the file's order; JavaScript objects put names such as `7` first.
 */
function namesInFileOrder(document: Document, section: "providers" | "models", names: string[]) {
  return names
    .map((name) => ({ name, offset: yamlKeyOffset(document, [section, name]) }))
    .toSorted((a, b) => a.offset - b.offset)
    .map(({ name }) => name);
}
