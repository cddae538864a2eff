import { expect, test } from "vitest";
import { ConfigError } from "../../../config/config-error.ts";
import { accept, problemLines, refuse, soundText, withLine } from "./config-text.ts";

test("the untouched text of these tests is accepted", () => {
  expect(accept(soundText).models.size).toBe(1);
});

test("tells all problems at once, in file order, one line each with file, line, column and field", () => {
  const text = `server: { body_limit: 10 }
providers:
  gpu-a:
    location: local
    base_url: https://openrouter.ai/api/v1
    slots: 0
    colour: red
  cloud:
    location: cloud
    base_url: http://h/v1
    slots: \${SLOTS}
models:
  m:
    serve: [{ provider: nope, model: a }, { provider: cloud, model: a }]
    max_attempts: 0
  m:
    serve: []
`;
  const problems = refuse(text);
  expect(new ConfigError(problems).message).toBe(
    `spillway.yaml:1:23 server.body_limit: must be a size with its unit, such as 512KiB, 10MB or 10MiB
spillway.yaml:5:15 providers.gpu-a.base_url: openrouter.ai is a cloud API, but the provider is marked local
spillway.yaml:6:12 providers.gpu-a.slots: must be at least 1
spillway.yaml:7:5 providers.gpu-a.colour: unknown key
spillway.yaml:11:12 providers.cloud.slots: the environment variable SLOTS is not set
spillway.yaml:16:3 models.m: duplicate name, first in line 13
spillway.yaml:17:5 models.m.serve: must not be empty`,
  );
});

test("looks across entries even where the schema refuses parts of the file", () => {
  const text = withLine(14, "    serve: [{ provider: nope, model: a }]", "    max_attempts: 0");
  expect(problemLines(refuse(text))).toEqual([
    "14:25 models.chat-small.serve[0].provider: there is no provider nope",
    "15:19 models.chat-small.max_attempts: must be at least 1",
  ]);
});

test("a problem in a merged mapping is shown where it is written", () => {
  const text = withLine(
    7,
    "  gpu-b:",
    "    <<: { location: local, slots: 0, price: { input: 0, output: 0 } }",
    "    base_url: http://h/v1",
    "  openai:",
  );
  expect(problemLines(refuse(text))).toEqual(["8:35 providers.gpu-b.slots: must be at least 1"]);
});

test("messages never repeat a value, which may be a secret", () => {
  const secret = "hunter2 hunter2";
  const text = soundText
    .replace("location: local", "location: ${S}")
    .replace("http://10.0.0.5:8000/v1", "http://u:${S}@h/v1")
    .replace("slots: 16", "slots: ${S}")
    .replace("${OPENAI_API_KEY:-none}", "${S}")
    .replace("waited: 5s", 'waited: "${S}"');
  const problems = refuse(text, { S: secret });
  expect(problems).toHaveLength(5);
  expect(JSON.stringify(problems)).not.toContain("hunter2");
});

test.each([
  [
    "broken structure",
    "a: [1",
    "1:6 : not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
  ],
  [
    "a tab as indentation",
    "a:\n\tb: 1",
    "2:1 : not valid YAML: Tabs are not allowed as indentation",
  ],
  ["two documents", "a: 1\n---\nb: 2", "2:1 : not valid YAML: Source contains multiple documents"],
  ["an unknown tag", "a: !run x", "1:4 : not valid YAML: Unresolved tag: !run"],
  ["an alias to nothing", "a: *b", "1:4 a: no anchor &b before this alias"],
  [
    "an alias in its own anchor",
    "a: &a\n  - [*a]",
    "2:6 a[0][0]: the alias *a lies inside its own anchor",
  ],
  ["a merge of a number", "a:\n  <<: 1", '2:3 a["<<"]: << takes mappings only'],
  ["an unquoted reference in a flow mapping", "a: { b: ${X} }", "inside { } or [ ] quote ${…}"],
])("refuses %s", (_, text, problem) => {
  expect(problemLines(refuse(text)).join("\n")).toContain(problem);
});

test("refuses aliases that unfold to a flood of values, at once", () => {
  const levels = ["a", "b", "c", "d", "e", "f", "g", "h"].map((name, index, all) =>
    index === 0
      ? `${name}: &${name} [x, x, x, x, x, x, x, x, x, x]`
      : `${name}: &${name} [${Array.from({ length: 10 }, () => `*${all[index - 1]}`).join(", ")}]`,
  );
  expect(problemLines(refuse(levels.join("\n")))).toEqual([
    "8:44 : aliases unfold to too many values",
  ]);
});
