import { isPair, isScalar, isSeq, type Document, type Node, type Pair } from "yaml";
import type { ProblemPath } from "./problem-path.ts";

/**
 * Returns the path of a node or pair that `visit` has reached, from its ancestors, outermost first.
 */
export function yamlPath(
  ancestors: readonly (Document | Node | Pair)[],
  reached: Node | Pair,
): ProblemPath {
  const chain = [...ancestors, reached];
  return chain.flatMap((step, index): (string | number)[] => {
    if (isPair(step)) return [isScalar(step.key) ? String(step.key.value) : ""];
    const parent = chain[index - 1];
    return isSeq(parent) ? [parent.items.indexOf(step)] : [];
  });
}
