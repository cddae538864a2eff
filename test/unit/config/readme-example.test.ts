import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseConfig } from "../../../config/load-config.ts";

const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");

test("the README's configuration is accepted as it stands there", () => {
  const [, yaml = ""] = /```yaml\n([^`]*(?:`(?!``)[^`]*)*)```/.exec(readme) ?? [];
  const config = parseConfig(yaml, {
    file: "README.md",
    lookup: (name) => (name === "OPENAI_API_KEY" ? "sk-upstream" : undefined),
  });
  expect([...config.providers.keys()]).toEqual(["gpu-a", "openai"]);
  expect(config.models.get("chat-small")?.overflow[0]?.model).toBe("gpt-4o-mini");
});
