import { expect, test } from "vitest";
import { configReference } from "../../../config/reference.ts";
import { parseConfig } from "../../../config/load-config.ts";
import { readPage } from "./pages.ts";

const { text } = readPage("docs/configuration.md");

test("the reference of the configuration page is current (npm run docs writes it)", () => {
  expect(text).toContain(`${configReference()}\n<!-- to here -->`);
});

test("the page names every environment variable that the broker reads", () => {
  const { text: source } = readPage("config/environment.ts");
  const names = [...source.matchAll(/(?:get|urlOf)\((?:get, )?"([A-Z_]+)"/g)].map(
    ([, name]) => name,
  );
  expect(names.length).toBeGreaterThan(9);
  expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test("the page's example is accepted as it stands there", () => {
  const { text: example } = /```yaml\n(?<text>[\s\S]*?)```/.exec(text)?.groups ?? {};
  const config = parseConfig(example ?? "", {
    file: "docs/configuration.md",
    lookup: (name) => (name === "OPENAI_API_KEY" ? "sk-upstream" : undefined),
  });
  expect([...config.providers.keys()]).toEqual(["gpu-a", "openai"]);
  expect(config.models.get("chat-small")?.overflow[0]?.model).toBe("gpt-4o-mini");
});
