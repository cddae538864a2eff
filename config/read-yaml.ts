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

/** The limit on what nested aliases unfold to, as the `yaml` package counts it. */
const MAX_ALIAS_COUNT = 100;

type Ancestors = readonly (Document | Node | Pair)[];

/**
 * Parses YAML 1.2 with aliases and merge keys. Notes duplicate names and goes on; throws
 * `ConfigError` where the text has no sure meaning: syntax errors, unknown tags, aliases that
 * lead nowhere, into themselves or to too many values.
 */
export function readYaml(text: string, lineCounter: LineCounter, log: ProblemLog): Document {
  const document: Document = parseDocument(text, {
    lineCounter,
    merge: true,
    prettyErrors: false,
    stringKeys: true,
    // Found below, where the path is known.
    uniqueKeys: false,
  });
  noteSyntaxErrors(document, text, log);
  log.throwIfAny();
  visit(document, {
    Alias: (_, alias, ancestors) => noteBadAlias(document, alias, ancestors, log),
    Pair: (_, pair, ancestors) => noteBadMerge(document, pair, ancestors, log),
  });
  log.throwIfAny();
  noteAliasBomb(document, log);
  log.throwIfAny();
  visit(document, { Map: (_, map, ancestors) => recordDuplicates(map, ancestors, log) });
  return document;
}

/** Only the first error of a line: the others mostly follow from it. */
function noteSyntaxErrors(document: Document, text: string, log: ProblemLog): void {
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

function noteBadAlias(document: Document, alias: Alias, ancestors: Ancestors, log: ProblemLog) {
  const node = alias.resolve(document);
  const note = (message: string): void =>
    log.add(alias.range?.[0] ?? 0, yamlPath(ancestors, alias), message);
  if (node === undefined) note(`no anchor &${alias.source} before this alias`);
  else if (ancestors.includes(node)) note(`the alias *${alias.source} lies inside its own anchor`);
}

function noteBadMerge(document: Document, pair: Pair, ancestors: Ancestors, log: ProblemLog) {
  if (!isMergePair(pair) || !isScalar(pair.key)) return;
  const sources = isSeq(pair.value) ? pair.value.items : [pair.value];
  if (sources.every((source) => isMap(isAlias(source) ? source.resolve(document) : source))) return;
  log.add(pair.key.range?.[0] ?? 0, yamlPath(ancestors, pair), "<< takes mappings only");
}

/** A few nested aliases can stand for billions of values; the library counts what they unfold to. */
function noteAliasBomb(document: Document, log: ProblemLog): void {
  try {
    document.toJS({ maxAliasCount: MAX_ALIAS_COUNT });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    let last = 0;
    visit(document, { Alias: (_, alias) => void (last = alias.range?.[0] ?? last) });
    log.add(last, [], "aliases unfold to too many values");
  }
}

function recordDuplicates(map: YAMLMap, ancestors: Ancestors, log: ProblemLog): void {
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
