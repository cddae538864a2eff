import { describe, expect, test } from "vitest";
import { exists, readPage } from "./pages.ts";

const { text } = readPage("docs/architecture.md");
const schema = readPage("shared/db/schema.sql").text;

describe.each([
  ["Job", "jobs_state_check"],
  ["Batch", "batches_state_check"],
  ["Batch line", "batch_lines_state_check"],
  ["Webhook delivery", "webhook_deliveries_state_check"],
  ["Upload", "uploads_status_check"],
])("the diagram %s", (title, constraint) => {
  const [, diagram = ""] =
    new RegExp(`### ${title}\n\n\`\`\`mermaid\nstateDiagram-v2\n([\\s\\S]*?)\`\`\``).exec(text) ??
    [];
  const arrows = [...diagram.matchAll(/^ +(\S+) --> (\w+|\[\*\])(?:: (.*))?$/gm)].map(
    ([, from = "", to = "", label = ""]) => ({ from, to, label }),
  );

  test("shows exactly the states that the table allows", () => {
    const [, list = ""] =
      new RegExp(`constraint ${constraint} check .*\\[(.*)\\]`).exec(schema) ?? [];
    const allowed = [...list.matchAll(/'(\w+)'/g)].map(([, state = ""]) => state);
    const shown = new Set(arrows.flatMap(({ from, to }) => [from, to]));
    shown.delete("[*]");
    expect(shown).toEqual(new Set(allowed));
  });

  test("names functions that exist", () => {
    const wrong = arrows.flatMap(({ to, label }) =>
      (label.match(/\b[a-z]+(?:_[a-z]+)+\b/g) ?? [])
        .filter((name) => !exists(`shared/db/functions/${name}.sql`))
        .map((name) => `${to}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});
