import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { expect, test } from "vitest";
import { z } from "zod";
import { configJsonSchema } from "../../../config/json-schema.ts";
import { soundText, withLine } from "./config-text.ts";

const read = (name: string): string =>
  readFileSync(new URL(`../../../config/${name}`, import.meta.url), "utf8");

/** Checks a text as an editor does: with the generated schema, before `${NAME}` is filled in. */
function editorAccepts(text: string): boolean {
  return z.fromJSONSchema(configJsonSchema()).safeParse(parse(text)).success;
}

test("config/spillway.schema.json is current (npm run schema writes it)", () => {
  expect(JSON.parse(read("spillway.schema.json"))).toEqual(configJsonSchema());
});

test("editors accept the demo, the design's example and references instead of numbers", () => {
  expect(editorAccepts(read("demo.yaml"))).toBe(true);
  expect(editorAccepts(soundText)).toBe(true);
  expect(editorAccepts(withLine(5, "    slots: ${SLOTS:-4}"))).toBe(true);
  expect(editorAccepts(withLine(3, "    location: ${WHERE}"))).toBe(true);
});

test.each([
  ["an unknown key", withLine(5, "    slots: 16", "    colour: red")],
  ["slots of 0", withLine(5, "    slots: 0")],
  ["slots as text", withLine(5, "    slots: many")],
  ["missing slots", withLine(5, "")],
  ["an unknown location", withLine(3, "    location: moon")],
  ["an empty serve list", withLine(14, "    serve: []")],
  ["a duration without its unit", withLine(19, "    overflow_when: { waited: 5 }")],
  ["a provider's name with a colon", withLine(2, '  "gpu:a":')],
])("editors refuse %s", (_, text) => {
  expect(editorAccepts(text)).toBe(false);
});

test("every key carries a description for editors", () => {
  const undescribed: string[] = [];
  const walk = (schema: z.core.JSONSchema.JSONSchema, path: string): void => {
    for (const [name, value] of Object.entries(schema.properties ?? {})) {
      if (typeof value === "boolean") continue;
      if (value.description === undefined) undescribed.push(`${path}.${name}`);
      walk(value, `${path}.${name}`);
    }
    for (const inner of [schema.additionalProperties, schema.items])
      if (typeof inner === "object" && !Array.isArray(inner)) walk(inner, `${path}.*`);
  };
  walk(configJsonSchema(), "");
  expect(undescribed).toEqual([]);
});
