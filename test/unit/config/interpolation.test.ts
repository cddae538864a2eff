import { expect, test } from "vitest";
import { accept, problemLines, refuse, withLine } from "./config-text.ts";

const keyLine = 10;
const slotsLine = 11;

function apiKey(line: string, values: Readonly<Record<string, string>> = {}) {
  return accept(withLine(keyLine, `    api_key: ${line}`), values).providers.get("openai")?.apiKey;
}

function slots(line: string, values: Readonly<Record<string, string>> = {}) {
  return accept(withLine(slotsLine, `    slots: ${line}`), values).providers.get("openai")?.slots;
}

test("fills in variables, alone, inside a text and several at once", () => {
  expect(apiKey("${KEY}", { KEY: "sk-1" })).toBe("sk-1");
  expect(apiKey("a-${A}-${B:-b}", { A: "1" })).toBe("a-1-b");
});

test("a default stands in for a variable that is not set, and only then", () => {
  expect(apiKey("${KEY:-else}")).toBe("else");
  expect(apiKey("${KEY:-else}", { KEY: "sk-1" })).toBe("sk-1");
  expect(apiKey("${KEY:-http://x:1/-}")).toBe("http://x:1/-");
});

test("an empty default leaves an optional field out", () => {
  expect(apiKey("${KEY:-}")).toBeUndefined();
});

test("$${ stands for a plain ${", () => {
  expect(apiKey("$${KEY}-$${x-${KEY}", { KEY: "1" })).toBe("${KEY}-${x-1");
});

test("a plain reference is typed as YAML would type its value", () => {
  expect(slots("${SLOTS:-4}")).toBe(4);
  expect(slots("${SLOTS:-4}", { SLOTS: "0x10" })).toBe(16);
  const defaults = accept(
    withLine(
      20,
      "    defaults: ",
      "      a: ${A}",
      '      b: "${A}"',
      "      c: ${B}",
      "      d: ${C}",
    ),
    { A: "1.5", B: "true", C: "[1, 2]" },
  ).models.get("chat-small")?.defaults;
  expect(defaults).toEqual({ a: 1.5, b: "1.5", c: true, d: "[1, 2]" });
});

test("the schema decides where it is sure: a key of digits is text, quoted slots are a number", () => {
  expect(apiKey("${KEY}", { KEY: "0012345678901234567890" })).toBe("0012345678901234567890");
  expect(slots('"${SLOTS}"', { SLOTS: "7" })).toBe(7);
});

test("a value cannot add structure to the file", () => {
  const value = "x\n    slots: 1\n    colour: red # {";
  expect(problemLines(refuse(withLine(keyLine, "    api_key: ${KEY}"), { KEY: value }))).toEqual([
    "10:14 providers.openai.api_key: must be printable ASCII without spaces",
  ]);
});

test("a reference inside a value is not followed", () => {
  expect(apiKey("${A}", { A: "${B}", B: "secret" })).toBe("${B}");
});

test("names are not filled in", () => {
  expect(refuse(withLine(13, "  ${NAME}:"), { NAME: "m" })[0]?.message).toContain("a model's name");
});

test.each([
  ["an unset variable", "${KEY}", "the environment variable KEY is not set"],
  ["an unclosed reference", "${KEY", "write ${NAME} or ${NAME:-default}, and $${ for a plain ${"],
  ["a bad name", "${1KEY}", "write ${NAME} or ${NAME:-default}, and $${ for a plain ${"],
  ["another shell form", "${KEY:?no}", "write ${NAME} or ${NAME:-default}, and $${ for a plain ${"],
  [
    "a nested reference",
    "${KEY:-${B}}",
    "write ${NAME} or ${NAME:-default}, and $${ for a plain ${",
  ],
])("refuses %s, with line and field", (_, line, message) => {
  expect(refuse(withLine(keyLine, `    api_key: ${line}`))).toEqual([
    { file: "spillway.yaml", line: 10, column: 14, field: "providers.openai.api_key", message },
  ]);
});

test("names every unset variable of one text", () => {
  const problems = refuse(withLine(keyLine, "    api_key: ${A}${B}"));
  expect(problems.map(({ message }) => message)).toEqual([
    "the environment variable A is not set",
    "the environment variable B is not set",
  ]);
});
