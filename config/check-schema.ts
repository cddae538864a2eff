import { isAlias, type Document } from "yaml";
import type { z } from "zod";
import type { InterpolatedDocument } from "./interpolate-document.ts";
import type { ProblemLog } from "./problem-log.ts";
import { type ConfigFile, configFileSchema } from "./schema.ts";
import { yamlKeyOffset, yamlPosition } from "./yaml-position.ts";

interface SchemaCheck {
  /** The document's plain values, for checks across several fields. */
  readonly values: unknown;
  /** Undefined when the schema refuses the values; the log then has the problems. */
  readonly file: ConfigFile | undefined;
}

/** Checks a document against the schema and adds everything that it refuses to the log. */
export function checkSchema(
  document: Document,
  interpolated: InterpolatedDocument,
  log: ProblemLog,
): SchemaCheck {
  let values: unknown = document.toJS();
  let result = configFileSchema.safeParse(values, { reportInput: true });
  if (!result.success && takeOtherReadings(result.error, document, interpolated)) {
    values = document.toJS();
    result = configFileSchema.safeParse(values, { reportInput: true });
  }
  if (result.success) return { values, file: result.data };
  for (const issue of result.error.issues) addIssue(issue, document, interpolated, log);
  return { values, file: undefined };
}

/**
 * Gives a value its other type where the schema refused the first: an all-digit key in `api_key:
 * ${KEY}` is text, and `slots: "${SLOTS}"` is a number.
 */
function takeOtherReadings(
  error: z.ZodError,
  document: Document,
  { otherReadings }: InterpolatedDocument,
): boolean {
  let changed = false;
  for (const issue of error.issues) {
    if (issue.code !== "invalid_type") continue;
    const { node } = yamlPosition(document, issue.path);
    const scalar = isAlias(node) ? node.resolve(document) : node;
    if (scalar === undefined || !("value" in scalar) || !otherReadings.has(scalar)) continue;
    scalar.value = otherReadings.get(scalar);
    changed = true;
  }
  return changed;
}

function addIssue(
  issue: z.core.$ZodIssue,
  document: Document,
  { unfilled }: InterpolatedDocument,
  log: ProblemLog,
): void {
  if (issue.code === "unrecognized_keys") {
    for (const key of issue.keys) {
      const path = [...issue.path, key];
      log.add(yamlKeyOffset(document, path), path, "unknown key");
    }
    return;
  }
  if (issue.code === "invalid_key") {
    const message = issue.issues[0]?.message ?? issue.message;
    log.add(yamlKeyOffset(document, issue.path), issue.path, message);
    return;
  }
  const { offset, node } = yamlPosition(document, issue.path);
  const scalar = isAlias(node) ? node.resolve(document) : node;
  if (scalar !== undefined && unfilled.has(scalar)) return;
  log.add(offset, issue.path, messageOf(issue));
}

const EXPECTATIONS: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "a mapping",
  record: "a mapping",
  string: "text",
};

/** Says what is expected, and never repeats the value, which may be a secret. */
function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.input === undefined && issue.code !== "custom") return "is required";
  if (issue.code === "invalid_type" && issue.message.startsWith("Invalid input"))
    return `must be ${EXPECTATIONS[issue.expected] ?? issue.expected}`;
  if (issue.code === "invalid_value") return `must be ${issue.values.map(String).join(" or ")}`;
  if (issue.code === "too_small")
    return issue.origin === "array" || issue.origin === "string"
      ? "must not be empty"
      : `must be at least ${issue.minimum}`;
  if (issue.code === "too_big")
    return issue.origin === "string"
      ? `must have at most ${issue.maximum} characters`
      : `must be at most ${issue.maximum}`;
  return issue.message;
}
