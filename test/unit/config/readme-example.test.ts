import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseConfig } from "../../../config/load-config.ts";

const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");

test("the README's configuration is accepted as it stands there, and has six lines", () => {
  const [, yaml = ""] = /```yaml\n([^`]*(?:`(?!``)[^`]*)*)```/.exec(readme) ?? [];
  expect(yaml.trimEnd().split("\n")).toHaveLength(6);
  const config = parseConfig(yaml, { file: "README.md", lookup: () => undefined });
  expect([...config.providers.keys()]).toEqual(["gpu"]);
  expect(config.models.get("my-model")?.serve[0]?.model).toBe("meta-llama/Llama-3.1-8B-Instruct");
});
