/** Where in the configuration's values something lies: names of keys, indexes of list items. */
export type ProblemPath = readonly PropertyKey[];

/** Writes a path as users know it: `models.chat-small.serve[0].price`, odd names in quotes. */
export function fieldName(path: ProblemPath): string {
  return path.reduce<string>((field, step) => {
    if (typeof step === "number") return `${field}[${step}]`;
    const name = String(step);
    if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) return `${field}[${JSON.stringify(name)}]`;
    return field === "" ? name : `${field}.${name}`;
  }, "");
}
