import { expect, test } from "vitest";
import { parseConfig } from "../../../config/load-config.ts";
import { allSnippets, snippetsOf } from "../../support/page-snippets.ts";

const snippets = allSnippets();
const inLanguage = (name: string) => snippets.filter(({ language }) => language === name);

test("every snippet is in a language that some test runs or reads", () => {
  // The only snippet without a language is n8n's, which `npm run try -- n8n` runs.
  const known = new Set(["sh", "js", "yaml", "json", "csv", "mermaid", ""]);
  expect(snippets.filter(({ language }) => !known.has(language))).toEqual([]);
  expect(inLanguage("").map(({ page }) => page)).toEqual(["docs/n8n.md"]);
});

test("every configuration on a page is accepted", () => {
  const inShell = snippetsOf("docs/webhooks.md", "sh").flatMap(
    (code) => /> spillway\.yaml <<'END'\n([\s\S]*?)END\n/.exec(code)?.[1] ?? [],
  );
  const texts = [...inLanguage("yaml").map(({ code }) => code), ...inShell];
  expect(texts).toHaveLength(3);
  for (const text of texts)
    expect(parseConfig(text, { file: "page", lookup: () => "sk-upstream" }).models.size).toBe(1);
});

test("every JSON on a page is JSON, and the line of a batch has what a line has", () => {
  const texts = inLanguage("json").map(({ code }) => JSON.parse(code) as object);
  expect(texts.length).toBeGreaterThan(2);
  const [line = ""] = snippetsOf("docs/batches.md", "json");
  expect(Object.keys(JSON.parse(line) as object)).toEqual(["custom_id", "method", "url", "body"]);
});
