import { z } from "zod";
import { findNested } from "./nested-fields.ts";
import { governedField } from "./request-fields.ts";

const jsonValue = z.json();

/** Checks the request fields that the configuration fills in for callers. */
export function refuseBadDefaults(fields: Record<string, unknown>, context: z.RefinementCtx): void {
  for (const [name, value] of Object.entries(fields)) {
    if (!mayHaveDefault(name, value))
      context.addIssue({ code: "custom", path: [name], message: "cannot have a default" });
    else if (!jsonValue.safeParse(value).success)
      context.addIssue({ code: "custom", path: [name], message: "must be a JSON value" });
  }
}

/**
 * A default must not silently change what routing and billing depend on, under any name or inside
 * another field.
 */
function mayHaveDefault(name: string, value: unknown): boolean {
  const field = governedField(name);
  if (field === undefined) {
    const nested = findNested(name, value);
    return nested === undefined || nested.field.rule === "operator";
  }
  return field.rule === "operator" || (field.rule === "read" && field.name === name);
}
