import { isScalar, visit, type Document, type Node } from "yaml";
import type { Lookup } from "./environment.ts";
import { interpolate } from "./interpolate.ts";
import type { ProblemLog } from "./problem-log.ts";
import { yamlPath } from "./yaml-path.ts";

export interface InterpolatedDocument {
  /**
   * For scalars that were one whole `${…}`, the reading not taken: the text of one that was
   * typed as YAML types plain scalars, or the other way round for a quoted one.
   */
  readonly otherReadings: ReadonlyMap<Node, unknown>;
  /** Scalars with a noted problem, whose value means nothing. */
  readonly unfilled: ReadonlySet<Node>;
}

/**
 * Fills `${NAME}` into the scalar values of a parsed document, in place, so that no value of a
 * variable can add structure to the file. Keys stay as they are.
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

/** The value that YAML gives to a plain scalar with this text: a number, a boolean, null or text. */
function plainScalarValue(text: string, document: Document): unknown {
  for (const tag of document.schema.tags) {
    if (tag.collection !== undefined || tag.default !== true || tag.test?.test(text) !== true)
      continue;
    const value = tag.resolve(text, () => undefined, document.options);
    return isScalar(value) ? value.value : value;
  }
  return text;
}
