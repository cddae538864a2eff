import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from "yaml";
import type { ProblemPath } from "./problem-path.ts";

interface YamlPosition {
  /** In characters from the start of the text. */
  readonly offset: number;
  /** The value's node; undefined when the file has nothing at this path. */
  readonly node: Node | undefined;
}

/**
 * Finds the place of a path in a YAML document, through aliases and merge keys. The place of a
 * scalar is its value, of a mapping or list its key, and of something missing its nearest parent.
 */
export function yamlPosition(document: Document, path: ProblemPath): YamlPosition {
  let node: unknown = document.contents;
  let offset = startOf(node);
  for (const step of path) {
    const container = isAlias(node) ? node.resolve(document) : node;
    if (isMap(container)) {
      const pair = findPair(document, container, String(step));
      if (pair === undefined) return { offset, node: undefined };
      offset = startOf(pair.key, offset);
      node = pair.value;
    } else if (isSeq(container) && typeof step === "number" && step in container.items) {
      node = container.items[step];
      offset = startOf(node, offset);
    } else return { offset, node: undefined };
  }
  const value = isScalar(node) || isAlias(node) || isMap(node) || isSeq(node) ? node : undefined;
  if (value === undefined || isMap(value) || isSeq(value)) return { offset, node: value };
  return { offset: isEmpty(value) ? offset : startOf(value, offset), node: value };
}

/**
 * Returns the offset of the key at the end of a path, or of its nearest parent when it is missing.
 */
export function yamlKeyOffset(document: Document, path: ProblemPath): number {
  const parent = yamlPosition(document, path.slice(0, -1));
  const map = isAlias(parent.node) ? parent.node.resolve(document) : parent.node;
  const pair = isMap(map) ? findPair(document, map, String(path.at(-1))) : undefined;
  return startOf(pair?.key, parent.offset);
}

/** Tells whether a pair is `<<: …`, which merges the keys of other mappings. */
export function isMergePair(pair: Pair): boolean {
  return isScalar(pair.key) && pair.key.value === "<<" && pair.key.type === "PLAIN";
}

function findPair(document: Document, map: YAMLMap, name: string): Pair | undefined {
  const own = map.items.findLast((pair) => isScalar(pair.key) && String(pair.key.value) === name);
  if (own !== undefined) return own;
  for (const { value } of map.items.filter(isMergePair))
    for (const source of isSeq(value) ? value.items : [value]) {
      const merged = isAlias(source) ? source.resolve(document) : source;
      const pair = isMap(merged) ? findPair(document, merged, name) : undefined;
      if (pair !== undefined) return pair;
    }
  return undefined;
}

function startOf(node: unknown, otherwise = 0): number {
  const ranged = isScalar(node) || isAlias(node) || isMap(node) || isSeq(node);
  return ranged ? (node.range?.[0] ?? otherwise) : otherwise;
}

function isEmpty(node: Node): boolean {
  return node.range?.[0] === node.range?.[1];
}
