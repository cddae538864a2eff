import { fieldPath } from "./check-fields.ts";

/**
 * Finds the path of a number that JSON's grammar allows but a double cannot hold, such as `1e999`.
 * Undefined when there is none. The caller has checked that the value is not deeply nested.
 */
export function findNonFinite(value: unknown): string | undefined {
  const path = find(value);
  return path === undefined ? undefined : fieldPath(path.toReversed());
}

/** Returns the path from the innermost key outwards. */
function find(value: unknown): (string | number)[] | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : [];
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const path = find(value[index]);
      if (path !== undefined) return [...path, index];
    }
    return undefined;
  }
  for (const [key, inner] of Object.entries(value)) {
    const path = find(inner);
    if (path !== undefined) return [...path, key];
  }
  return undefined;
}
