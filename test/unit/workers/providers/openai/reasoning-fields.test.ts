import { expect, test } from "vitest";
import type { ProviderConfig } from "../../../../../config/config.ts";
import { reasoningFieldsOf } from "../../../../../workers/providers/openai/reasoning-fields.ts";

type Site = Pick<ProviderConfig, "location" | "baseUrl" | "reasoningField">;

const local: Site = { location: "local", baseUrl: "http://127.0.0.1:8000/v1" };
const openai: Site = { location: "cloud", baseUrl: "https://api.openai.com/v1" };
const cloud: Site = { location: "cloud", baseUrl: "https://models.example.com/v1" };

test.each<[string, Site, readonly string[]]>([
  ["a local engine: both names", local, ["reasoning_content", "reasoning"]],
  ["a cloud that refuses unknown fields: none", openai, []],
  ["any other cloud: DeepSeek's name", cloud, ["reasoning_content"]],
  [
    "what the file says wins: another name",
    { ...cloud, reasoningField: "reasoning" },
    ["reasoning"],
  ],
  ["what the file says wins: none", { ...local, reasoningField: "none" }, []],
  [
    "what the file says wins: at a strict cloud",
    { ...openai, reasoningField: "reasoning" },
    ["reasoning"],
  ],
])("%s", (_what, site, fields) => {
  expect(reasoningFieldsOf(site)).toEqual(fields);
});
