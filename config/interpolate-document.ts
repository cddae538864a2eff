import { isScalar, visit, type Document, type Node } from "yaml";
import type { Lookup } from "./environment.ts";
import { interpolate } from "./interpolate.ts";
import type { ProblemLog } from "./problem-log.ts";
import { yamlPath } from "./yaml-path.ts";

export interface InterpolatedDocument {
  /**
   * The second possible value of each scalar that was one whole `${…}`. A plain scalar got the type
   * that YAML gives to its text, and the text itself is here; for a quoted scalar it is the other
   * way round.
   */
  readonly otherReadings: ReadonlyMap<Node, unknown>;
  /**
   * Scalars that could not be filled in and have a problem in the log; their value is meaningless.
   */
  readonly unfilled: ReadonlySet<Node>;
}

/**
 * Fills `${NAME}` into the scalar values of a parsed document, in place. The value of a variable
 * can therefore never add structure to the file. Keys stay unchanged.
 */
export function interpolateDocument(
  document: Document,
  lookup: Lookup,
  log: ProblemLog,
): InterpolatedDocument {
  const otherReadings = new Map<Node, unknown>();
  const unfilled = new Set<Node>();
  visit(document, {
    Scalar: (key, scalar, ancestors) => {
      if (key === "key" || typeof scalar.value !== "string" || !scalar.value.includes("${")) return;
      const { text, whole, problems } = interpolate(scalar.value, lookup);
      for (const problem of problems)
        log.add(scalar.range?.[0] ?? 0, yamlPath(ancestors, scalar), problem);
      if (problems.length > 0) {
        unfilled.add(scalar);
        return;
      }
      const typed = whole ? plainScalarValue(text, document) : text;
      const plain = scalar.type === "PLAIN" && scalar.tag === undefined;
      scalar.value = plain ? typed : text;
      if (typed !== text) otherReadings.set(scalar, plain ? text : typed);
    },
  });
  return { otherReadings, unfilled };
}

/**
 * Returns the value that YAML gives to a plain scalar with this text: a number, boolean, null or
 * text.
 */
function plainScalarValue(text: string, document: Document): unknown {
  for (const tag of document.schema.tags) {
    if (tag.collection !== undefined || tag.default !== true || tag.test?.test(text) !== true)
      continue;
    const value = tag.resolve(text, () => undefined, document.options);
    return isScalar(value) ? value.value : value;
  }
  return text;
}
