import type { z } from "zod";
import { BrokerError } from "../errors/broker-error.ts";

const MAX_MESSAGE_LENGTH = 300;

/**
 * Checks a value from outside. Throws `BrokerError` `invalid_request` with the path of the first
 * field at fault as its `param`, e.g. `budget.limit_usd` or `models[3]`.
 */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue === undefined) throw new BrokerError("invalid_request", "Invalid input.");
  const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0]] : issue.path;
  const param = fieldPath(path).slice(0, MAX_MESSAGE_LENGTH);
  const complaint = issue.code === "unrecognized_keys" ? "unknown field" : issue.message;
  const message = (param === "" ? complaint : `${param}: ${complaint}`).slice(
    0,
    MAX_MESSAGE_LENGTH,
  );
  throw new BrokerError("invalid_request", message, param === "" ? {} : { param });
}

function fieldPath(path: readonly (PropertyKey | undefined)[]): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .replace(/^\./, "");
}
