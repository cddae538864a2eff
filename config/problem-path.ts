/** A path in the configuration's values: names of keys and indexes of list items. */
export type ProblemPath = readonly PropertyKey[];

/**
 * Formats a path as users know it: `models.chat-small.serve[0].price`, with unusual names in
 * quotes.
 */
export function fieldName(path: ProblemPath): string {
  return path.reduce<string>((field, step) => {
    if (typeof step === "number") return `${field}[${step}]`;
    const name = String(step);
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) return `${field}[${JSON.stringify(name)}]`;
    return field === "" ? name : `${field}.${name}`;
  }, "");
}
