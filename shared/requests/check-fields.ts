import type { z } from "zod";
import { BrokerError } from "../errors/broker-error.ts";

/** The names of fields can be as long as the body. */
const MAX_PARAM_CHARS = 128;

type Issue = z.core.$ZodIssue;

interface Fault {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/**
 * Checks a value from outside: the known fields of a body, or a query. Throws `BrokerError`
 * `invalid_request` that names the first wrong field as its `param`, such as `budget.limit_usd` or
 * `models[3]`. Its message never repeats the field's value.
 */
export function checkFields<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const { path, message } = issue === undefined ? { path: [], message: "" } : innermost(issue, []);
  const param = fieldPath(path).slice(0, MAX_PARAM_CHARS);
  if (param === "") throw new BrokerError("invalid_request", message);
  throw new BrokerError("invalid_request", `Invalid value for '${param}': ${message}.`, { param });
}

/** In a union, the alternative that matched furthest describes the fault best. */
function innermost(issue: Issue, base: readonly PropertyKey[]): Fault {
  const [unknown] = issue.code === "unrecognized_keys" ? issue.keys : [];
  if (unknown !== undefined)
    return { path: [...base, ...issue.path, unknown], message: "Unknown field" };
  const own: Fault = { path: [...base, ...issue.path], message: issue.message };
  if (issue.code !== "invalid_union") return own;
  let best = own;
  for (const alternative of issue.errors)
    for (const inner of alternative) {
      const found = innermost(inner, own.path);
      if (found.path.length > best.path.length) best = found;
    }
  return best;
}

/** Writes the path of a field as OpenAI writes `param`: `messages[0].role`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else text += text === "" ? String(key) : `.${String(key)}`;
  }
  return text;
}
