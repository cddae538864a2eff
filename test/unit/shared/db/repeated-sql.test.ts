import { expect, test } from "vitest";
import { readSchemaFiles } from "../../../../shared/db/schema-files.ts";

/** Two places may have up to this many lines in common. */
const MAX_SHARED_LINES = 5;

test("no two places in tables/ and functions/ share six lines", async () => {
  const { tables, functions } = await readSchemaFiles();
  const places = new Map<string, string>();
  const repeated: string[] = [];
  for (const { name, text } of [...tables, ...functions]) {
    const lines = text
      .split("\n")
      .map((line) => line.replace(/--.*/, "").replaceAll(/\s+/g, " ").trim())
      .filter((line) => line !== "");
    for (let from = 0; from + MAX_SHARED_LINES < lines.length; from++) {
      const part = lines.slice(from, from + MAX_SHARED_LINES + 1).join("\n");
      const before = places.get(part);
      if (before === undefined) places.set(part, name);
      else repeated.push(`${before} and ${name}:\n${part}`);
    }
  }
  expect(repeated).toEqual([]);
});
