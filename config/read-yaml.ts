import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type LineCounter,
  type Node,
  type Pair,
  type YAMLMap,
} from "yaml";
import type { ProblemLog } from "./problem-log.ts";
import { yamlPath } from "./yaml-path.ts";
import { isMergePair } from "./yaml-position.ts";

/** The most values that nested aliases may expand to, as the `yaml` package counts them. */
const MAX_ALIAS_COUNT = 100;

type Ancestors = readonly (Document | Node | Pair)[];

/**
 * Parses YAML 1.2 with aliases and merge keys. Duplicate names are added to the log. Throws
 * `ConfigError` when the meaning of the text is uncertain: syntax errors, unknown tags, and aliases
 * that have no anchor, lie inside their own anchor or expand to too many values.
 */
export function readYaml(text: string, lineCounter: LineCounter, log: ProblemLog): Document {
  const document: Document = parseDocument(text, {
    lineCounter,
    merge: true,
    prettyErrors: false,
    stringKeys: true,
    // Duplicates are found below, where their path is known.
    uniqueKeys: false,
  });
  addSyntaxErrors(document, text, log);
  log.throwIfAny();
  visit(document, {
    Alias: (_, alias, ancestors) => checkAlias(document, alias, ancestors, log),
    Pair: (_, pair, ancestors) => checkMerge(document, pair, ancestors, log),
  });
  log.throwIfAny();
  checkAliasCount(document, log);
  log.throwIfAny();
  visit(document, { Map: (_, map, ancestors) => addDuplicates(map, ancestors, log) });
  return document;
}

/** Adds only the first error of a line, because the others mostly follow from it. */
function addSyntaxErrors(document: Document, text: string, log: ProblemLog): void {
  const lines = text.split("\n");
  const seen = new Set<number>();
  for (const { message, pos } of [...document.errors, ...document.warnings]) {
    const { line } = log.position(pos[0]);
    if (seen.has(line)) continue;
    seen.add(line);
    const hint = lines[line - 1]?.includes("${") === true ? "; inside { } or [ ] quote ${…}" : "";
    log.add(pos[0], [], `not valid YAML: ${message}${hint}`);
  }
}

function checkAlias(document: Document, alias: Alias, ancestors: Ancestors, log: ProblemLog) {
  const node = alias.resolve(document);
  const add = (message: string): void =>
    log.add(alias.range?.[0] ?? 0, yamlPath(ancestors, alias), message);
  if (node === undefined) add(`no anchor &${alias.source} before this alias`);
  else if (ancestors.includes(node)) add(`the alias *${alias.source} lies inside its own anchor`);
}

function checkMerge(document: Document, pair: Pair, ancestors: Ancestors, log: ProblemLog) {
  if (!isMergePair(pair) || !isScalar(pair.key)) return;
  const sources = isSeq(pair.value) ? pair.value.items : [pair.value];
  if (sources.every((source) => isMap(isAlias(source) ? source.resolve(document) : source))) return;
  log.add(pair.key.range?.[0] ?? 0, yamlPath(ancestors, pair), "<< takes mappings only");
}

/**
 * A few nested aliases can stand for billions of values; the library counts what they expand to.
 */
function checkAliasCount(document: Document, log: ProblemLog): void {
  try {
    document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    let last = 0;
    visit(document, { Alias: (_, alias) => void (last = alias.range?.[0] ?? last) });
    log.add(last, [], "aliases unfold to too many values");
  }
}

function addDuplicates(map: YAMLMap, ancestors: Ancestors, log: ProblemLog): void {
  const firstOffsets = new Map<string, number>();
  for (const pair of map.items) {
    if (!isScalar(pair.key)) continue;
    const name = String(pair.key.value);
    const offset = pair.key.range?.[0] ?? 0;
    const path = yamlPath([...ancestors, map], pair);
    if (name === "__proto__") log.add(offset, path, "this name is not allowed");
    const first = firstOffsets.get(name);
    if (first === undefined) firstOffsets.set(name, offset);
    else log.add(offset, path, `duplicate name, first in line ${log.position(first).line}`);
  }
}
